"""What surrounds every request: limits, headers, a line in the log, and metrics."""

import time
from collections.abc import MutableMapping
from typing import Any

import anyio
from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from music_ner.service.monitoring import LOGGER, Metrics

HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
}
OTHER = "other"


class Edge:
    """Middleware that observes requests, and adds the headers of `HEADERS` to answers.

    app (ASGIApp): The application.
    metrics (Metrics): Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *HEADERS.items()]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._observe(scope, status, time.perf_counter() - start)

    def _observe(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        # The path that a client sends may hold anything; that of the route does not.
        route = getattr(scope.get("route"), "path", OTHER)
        self._metrics.observe(route, status, seconds)
        fields = {
            "method": scope["method"] if route != OTHER else OTHER,
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 1),
            **scope.get("state", {}).get("counts", {}),
        }
        LOGGER.info("request", extra={"fields": fields})


async def read_body(request: Request, limit: int, timeout: float) -> bytes:
    """Read the body of a request.

    request (Request): The request.
    limit (int): The most bytes that are read.
    timeout (float): Seconds that the client has to send it.
    RETURNS (bytes): The body.
    RAISES (HTTPException): 413 if it is larger, 408 if it does not arrive in time.
    """
    too_large = HTTPException(413, f"The body is larger than {limit:,} bytes. Send less at a time.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        with anyio.fail_after(timeout):
            async for chunk in request.stream():
                body.extend(chunk)
                if len(body) > limit:
                    raise too_large
    except TimeoutError as error:
        raise HTTPException(408, f"The body did not arrive within {timeout:g} seconds.") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "The body ended early.") from error
    return bytes(body)


def check_content_type(request: Request, *allowed: str) -> str:
    """RETURNS (str): The media type of a request's body. Another one is answered with 415."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in allowed:
        raise HTTPException(415, f"The Content-Type has to be {' or '.join(allowed)}.")
    return media_type
