"""What requests and answers look like, for validation and for the OpenAPI description."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE = "songs like karma police by radiohead"


class EntitiesRequest(BaseModel):
    """Texts to find entities in."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"texts": [EXAMPLE], "min_confidence": 0.5}]},
    )
    texts: list[str] = Field(description="The texts, as users wrote them")
    min_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.0, description="Entities of a lower confidence are left out"
    )


class Candidate(BaseModel):
    """An entry of the catalogue that an entity may name."""

    id: str
    name: str
    score: float


class Entity(BaseModel):
    """A span of a text that names an artist or a work."""

    start: int = Field(description="Offset of the first character, in Unicode code points")
    end: int = Field(description="Offset after the last character")
    label: str
    text: str
    confidence: float | None = Field(
        description="Calibrated probability that bounds and label are right"
    )
    id: str | None = Field(description="Id in the catalogue; null if it is unknown")
    link_confidence: float | None = Field(description="Calibrated probability that the id is right")
    candidates: list[Candidate] = Field(description="Best first; empty if nothing links")


class Found(BaseModel):
    """A text with its entities."""

    text: str
    entities: list[Entity]


class EntitiesResponse(BaseModel):
    """A result for each text, in the order of the request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {
                            "text": EXAMPLE,
                            "entities": [
                                {
                                    "start": 11,
                                    "end": 23,
                                    "label": "WoA",
                                    "text": "karma police",
                                    "confidence": 0.99,
                                    "id": None,
                                    "link_confidence": None,
                                    "candidates": [],
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    )
    results: list[Found]


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str = Field(examples=["texts: at least one text is needed."])


class Health(BaseModel):
    """That the process answers, and with which pipeline."""

    status: str = Field(examples=["ok"])
    package: str = Field(examples=["en_music_ner_fast"])
    version: str = Field(examples=["0.3.0"])


class Rejected(BaseModel):
    """A row or name of an upload that was not taken."""

    row: int
    name: str
    reason: str


class UploadReport(BaseModel):
    """What was taken of an upload, and what the catalogue holds now."""

    taken: int = Field(description="Names that were added, or listed already")
    artists: int
    works: int
    pairs: int
    n_rejected: int
    rejected: list[Rejected] = Field(description="The first 1,000 of them")


class CatalogueState(BaseModel):
    """Whether names can be uploaded, and what the last upload gave."""

    writable: bool
    upload: UploadReport | None


class CatalogueItem(BaseModel):
    """A row of an upload in JSON."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"artist": "Sade", "work": "No Ordinary Love"}]}
    )
    artist: str | None = None
    work: str | None = None


class Pipeline(BaseModel):
    """The pipeline that is served."""

    package: str
    version: str
    labels: dict[str, str] = Field(examples=[{"Artist": "#ffd166", "WoA": "#8ecae6"}])


class Evaluation(BaseModel):
    """An evaluation of a pipeline."""

    name: str
    package: str
    version: str
    time: str
    queries: int
    micro_f1: float


class JudgedEntity(BaseModel):
    """An entity, and how it compares to the other side."""

    start: int
    end: int
    label: str
    kind: str | None
    confidence: float | None = None


class JudgedQuery(BaseModel):
    """A query with its gold and predicted entities."""

    id: str
    text: str
    source: str
    gold: list[JudgedEntity]
    predicted: list[JudgedEntity]


class Predictions(BaseModel):
    """What a pipeline predicted for the queries of a test set."""

    evaluation: Evaluation
    queries: list[JudgedQuery]
    errors: dict[str, dict[str, int]] = Field(description="Number of entities by label and kind")


class ComparedScores(BaseModel):
    """Micro F1 of two pipelines, and a 95 % paired bootstrap interval of the difference."""

    name: str
    queries: int
    entities: int
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None


class DifferentQuery(BaseModel):
    """A query for which two pipelines predict other entities."""

    id: str
    text: str
    gold: list[JudgedEntity]
    first: list[JudgedEntity]
    second: list[JudgedEntity]


class Comparison(BaseModel):
    """Two pipelines on the same queries."""

    scores: list[ComparedScores]
    queries: int
    alone: int = Field(description="Queries that only one of the two was evaluated on")
    differ: list[DifferentQuery]
