"""The application: routes, and what happens at the start and the end of a worker process."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware

from music_ner import __version__
from music_ner.data.entities import is_sure
from music_ner.evaluation.comparison import DifferentQueriesError
from music_ner.pipeline.catalogue.component import Catalogue
from music_ner.service import catalogues, reports, schemas
from music_ner.service.batching import Batcher, QueueFullError
from music_ner.service.catalogues import CATALOGUE, CatalogueStore, UnreadableUploadError
from music_ner.service.edge import Edge, check_content_type, read_body
from music_ner.service.monitoring import LOGGER, Metrics
from music_ner.service.recognition import Recognizer
from music_ner.service.settings import Settings

PAGE = Path(__file__).parent / "page"
JSON, CSV = "application/json", "text/csv"
RETRY = {"Retry-After": "1"}
BUSY = "The service is busy. Try again in a second."


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """RETURNS (dict[int | str, dict[str, Any]]): The description of these answers in OpenAPI."""
    return {status: {"model": schemas.Problem} for status in statuses}


def body_of(**content: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The description of a body, with a schema for each media type."""
    described = {media_type: {"schema": schema} for media_type, schema in content.items()}
    return {"requestBody": {"required": True, "content": described}}


class Service:
    """What the routes of a worker process work with.

    settings (Settings): The settings.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.metrics = Metrics()
        self.store = CatalogueStore(settings.state)
        self.recognizer: Recognizer
        self.batcher: Batcher[list[dict[str, Any]]]
        self.shipped = b""

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Load the pipeline before the first request, and stop the queue after the last."""
        settings = self.settings
        try:
            self.recognizer = Recognizer(settings.model, self.store)
        except Exception as error:
            LOGGER.error(f"{settings.model}: cannot load this pipeline ({error})")
            raise
        if self.is_writable:
            self.shipped = self.recognizer.nlp.get_pipe(CATALOGUE).to_bytes()
        self.recognizer.warm_up()
        self.batcher = Batcher(
            self.recognize,
            max_batch=settings.max_batch,
            max_delay=settings.max_delay,
            max_waiting=settings.max_waiting,
        )
        work = asyncio.create_task(self.batcher.work())
        try:
            yield
        finally:
            work.cancel()

    @property
    def is_writable(self) -> bool:
        """Whether a catalogue may be uploaded."""
        return bool(self.settings.token) and self.recognizer.has_catalogue

    def recognize(self, texts: list[str]) -> list[list[dict[str, Any]]]:
        """RETURNS (list[list[dict[str, Any]]]): The entities of each text, which are counted."""
        found = self.recognizer(texts)
        self.metrics.batches.observe(len(texts))
        self.metrics.texts.inc(len(texts))
        for entities in found:
            for entity in entities:
                self.metrics.entities.labels(entity["label"]).inc()
        return found

    def upload(self, media_type: str, data: bytes) -> dict[str, Any]:
        """Build a catalogue of the shipped and the uploaded names, and let all workers use it.

        media_type (str): JSON or CSV.
        data (bytes): The upload.
        RETURNS (dict[str, Any]): See `catalogues.update`.
        RAISES (UnreadableUploadError): If it cannot be read; then the catalogue stays as it is.
        """
        read = catalogues.rows_of_json if media_type == JSON else catalogues.rows_of_csv
        catalogue = Catalogue(CATALOGUE).from_bytes(self.shipped)
        report = catalogues.update(catalogue, *read(data))
        self.store.publish(catalogue, report)
        self.metrics.uploads.inc()
        return report


def create_app(settings: Settings) -> FastAPI:
    """Create the application of a worker process.

    settings (Settings): The settings.
    RETURNS (FastAPI): The application. It loads the pipeline when it starts.
    """
    service = Service(settings)
    app = FastAPI(
        title="Music NER",
        version=__version__,
        description="Finds artists and works of art in requests for music.",
        docs_url=None,  # these pages load scripts from other servers
        redoc_url=None,
        lifespan=service.lifespan,
        middleware=[Middleware(Edge, metrics=service.metrics)],
        exception_handlers={
            StarletteHTTPException: answer_problem,
            RequestValidationError: answer_invalid,
            Exception: answer_failure,
        },
    )
    bearer = HTTPBearer(auto_error=False, description="The token that the service was given")

    def authorize(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if not service.is_writable:
            raise HTTPException(
                403,
                "Uploads are switched off. Start the service with a token in MUSIC_NER_TOKEN."
                if service.recognizer.has_catalogue
                else "This pipeline has no catalogue.",
            )
        given = sent.credentials if sent else ""
        if not secrets.compare_digest(given.encode(), settings.token.encode()):
            header = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "The token is missing or wrong.", headers=header)

    @app.post(
        "/entities",
        response_model=schemas.EntitiesResponse,
        responses=problems(400, 408, 413, 415, 422, 503),
        openapi_extra=body_of(**{JSON: schema_of_request(settings)}),
        summary="Find the entities of texts",
    )
    async def entities(request: Request) -> Response:
        check_content_type(request, JSON)
        body = await read_body(request, settings.max_body, settings.timeout)
        sent = parse(body)
        check_texts(sent.texts, settings)
        try:
            with anyio.fail_after(settings.timeout):
                found = await service.batcher.process(sent.texts)
        except (QueueFullError, TimeoutError) as error:
            raise HTTPException(503, BUSY, headers=RETRY) from error
        results = [
            {
                "text": text,
                "entities": [entity for entity in row if is_sure(entity, sent.min_confidence)],
            }
            for text, row in zip(sent.texts, found, strict=True)
        ]
        request.state.counts = {"texts": len(results)}
        return Response(json.dumps({"results": results}), media_type=JSON)

    @app.get("/health", response_model=schemas.Health, summary="Whether the process answers")
    async def health() -> dict[str, str]:
        recognizer = service.recognizer
        version = recognizer.nlp.meta["version"]
        return {"status": "ok", "package": recognizer.name, "version": version}

    @app.get(
        "/ready",
        response_model=schemas.Health,
        responses=problems(503),
        summary="Whether requests are answered at once",
    )
    async def ready() -> dict[str, str]:
        if service.batcher.is_full:
            raise HTTPException(503, BUSY, headers=RETRY)
        return await health()

    @app.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    def metrics() -> Response:
        media_type = "text/plain; version=0.0.4; charset=utf-8"
        return Response(service.metrics.exposition(), media_type=media_type)

    @app.get(
        "/pipeline",
        response_model=schemas.Pipeline,
        summary="Which pipeline is served, and the colours of its labels",
    )
    async def pipeline() -> dict[str, Any]:
        recognizer = service.recognizer
        return {
            "package": recognizer.name,
            "version": recognizer.nlp.meta["version"],
            "labels": recognizer.colours,
        }

    @app.get(
        "/evaluations",
        response_model=list[schemas.Evaluation],
        summary="The pipelines that were evaluated, the latest first",
    )
    def list_evaluations() -> list[dict[str, Any]]:
        return reports.listed(settings.metrics)

    @app.get(
        "/evaluations/{name}",
        response_model=schemas.Predictions,
        responses=problems(404),
        summary="What a pipeline predicted for the queries of a test set",
    )
    def evaluation(name: str) -> Response:
        return answer_report(reports.evaluation, name)

    @app.get(
        "/comparison",
        response_model=schemas.Comparison,
        responses=problems(404, 422),
        summary="Two pipelines that were evaluated: scores, and where they differ",
    )
    def comparison(first: str, second: str) -> Response:
        return answer_report(reports.comparison, first, second)

    def answer_report(make: Callable[..., dict[str, Any]], *names: str) -> Response:
        try:
            return Response(json.dumps(make(settings.metrics, *names)), media_type=JSON)
        except KeyError as error:
            raise HTTPException(404, "There is no such evaluation.") from error
        except DifferentQueriesError as error:
            raise HTTPException(422, str(error)) from error

    @app.get(
        "/catalogue",
        response_model=schemas.CatalogueState,
        summary="Whether names can be uploaded, and what the last upload gave",
    )
    def catalogue() -> dict[str, Any]:
        return {"writable": service.is_writable, "upload": service.store.report()}

    @app.put(
        "/catalogue",
        response_model=schemas.UploadReport,
        responses=problems(400, 401, 403, 408, 413, 415, 422),
        openapi_extra=body_of(
            **{
                CSV: {"type": "string", "examples": ["artist,work\nSade,By Your Side\n"]},
                JSON: {"type": "array", "items": schemas.CatalogueItem.model_json_schema()},
            }
        ),
        dependencies=[Depends(authorize)],
        summary="Replace the names that were uploaded before",
    )
    async def upload(request: Request) -> dict[str, Any]:
        media_type = check_content_type(request, CSV, JSON)
        data = await read_body(request, settings.max_upload, settings.timeout)
        try:
            return await asyncio.to_thread(service.upload, media_type, data)
        except UnreadableUploadError as error:
            raise HTTPException(422, str(error)) from error

    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return app


def schema_of_request(settings: Settings) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The schema of a request, with the limits of this service."""
    schema = schemas.EntitiesRequest.model_json_schema()
    schema["properties"]["texts"] |= {"minItems": 1, "maxItems": settings.max_texts}
    schema["properties"]["texts"]["items"]["maxLength"] = settings.max_length
    return schema


def parse(body: bytes) -> schemas.EntitiesRequest:
    """RETURNS (EntitiesRequest): A request; one that cannot be read is answered with 400 or 422."""
    try:
        return schemas.EntitiesRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        is_json = first["type"] != "json_invalid"
        raise HTTPException(422 if is_json else 400, sentence_of(first)) from error


def check_texts(texts: list[str], settings: Settings) -> None:
    """Answer a request with 422 if it has too many texts, too long ones, or none."""
    if not texts:
        raise HTTPException(422, "texts: at least one text is needed.")
    if len(texts) > settings.max_texts:
        raise HTTPException(
            422, f"texts: {len(texts)} are sent, but a request may have {settings.max_texts}."
        )
    for number, text in enumerate(texts):
        if len(text) > settings.max_length:
            raise HTTPException(
                422,
                f"texts.{number}: {len(text)} characters, but a text may have "
                f"{settings.max_length}.",
            )


def sentence_of(error: dict[str, Any]) -> str:
    """RETURNS (str): The place and the message of an error of pydantic, as a sentence."""
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {error['msg']}." if where else f"{error['msg']}."


async def answer_problem(_: Request, error: StarletteHTTPException) -> JSONResponse:
    """RETURNS (JSONResponse): The answer to a request that the service refuses."""
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def answer_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """RETURNS (JSONResponse): The answer to invalid parameters, without what was sent."""
    return JSONResponse({"detail": sentence_of(error.errors()[0])}, 422)


async def answer_failure(_: Request, error: Exception) -> JSONResponse:
    """RETURNS (JSONResponse): The answer to an unforeseen failure, which tells no details."""
    LOGGER.error("failure", exc_info=error)
    return JSONResponse({"detail": "The service could not process this request."}, 500)
