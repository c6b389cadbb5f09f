"""Clients that send requests to a service on this machine, and time the answers.

They do little else, so that they leave the processor to the service.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

HOST = "127.0.0.1"
RETRY_AFTER = 0.05  # seconds after an error
Spans = list[tuple[int, int, str]]


class Sample(NamedTuple):
    """A request and what came of it.

    text (str): The text that was sent.
    seconds (float): From when it was to be sent to its answer, or to the error.
    spans (Spans | None): The entities of the answer; None if there was an error.
    """

    text: str
    seconds: float
    spans: Spans | None


class Connection:
    """A connection that stays open, with one request at a time. It is opened again after an error.

    port (int): The service's port on this machine.
    """

    def __init__(self, port: int):
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, text: str) -> Spans:
        """Send a text.

        text (str): The text.
        RETURNS (Spans): The entities of the answer.
        RAISES (OSError, EOFError, ValueError): If there is no answer, or it is not 200.
        """
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
            body = json.dumps({"texts": [text]}).encode()
            head = (
                f"POST /entities HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            self._writer.write(head.encode() + body)
            answer = await self._reader.readuntil(b"\r\n\r\n")
            headers = dict(
                line.split(": ", 1) for line in answer.decode("latin-1").lower().split("\r\n")[1:-2]
            )
            content = await self._reader.readexactly(int(headers["content-length"]))
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ValueError(answer.partition(b"\r\n")[0].decode("latin-1"))
        except BaseException:
            self.close()
            raise
        (result,) = json.loads(content)["results"]
        return [(e["start"], e["end"], e["label"]) for e in result["entities"]]

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def _sample(connection: Connection, text: str, since: float) -> Sample:
    loop = asyncio.get_running_loop()
    try:
        spans = await connection.ask(text)
    except (OSError, EOFError, ValueError):
        return Sample(text, loop.time() - since, None)
    return Sample(text, loop.time() - since, spans)


async def _clients(n: int, use: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Run clients until they have finished, or for some seconds."""
    tasks = [asyncio.create_task(use()) for _ in range(n)]
    _, running = await asyncio.wait(tasks, timeout=seconds)
    for task in running:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and task.exception():
            raise task.exception()


async def as_fast_as_possible(
    port: int, texts: Iterator[str], clients: int, seconds: float
) -> tuple[list[Sample], float]:
    """Let each client send the next text as soon as it has an answer.

    port (int): The service's port.
    texts (Iterator[str]): What to send; the clients end with it.
    clients (int): Number of clients, each with a connection.
    seconds (float): When the clients end at the latest.
    RETURNS (tuple[list[Sample], float]): The finished requests, and how long it took.
    """
    loop = asyncio.get_running_loop()
    samples: list[Sample] = []

    async def use() -> None:
        connection = Connection(port)
        try:
            for text in texts:
                sample = await _sample(connection, text, loop.time())
                samples.append(sample)
                if sample.spans is None:
                    await asyncio.sleep(RETRY_AFTER)
        finally:
            connection.close()

    start = loop.time()
    await _clients(clients, use, seconds)
    return samples, loop.time() - start


async def at_rate(
    port: int, texts: Iterator[str], clients: int, seconds: float, rate: float, seed: int = 0
) -> list[Sample]:
    """Send texts at random times, whether or not earlier ones are answered.

    port (int): The service's port.
    texts (Iterator[str]): What to send.
    clients (int): Number of connections. Where all are in use, a request waits for one, and this
        time counts.
    seconds (float): For how long to send.
    rate (float): Requests per second, on average.
    seed (int): Seed of the times, which are a Poisson process.
    RETURNS (list[Sample]): The requests.
    """
    loop = asyncio.get_running_loop()
    due: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    samples: list[Sample] = []

    async def use() -> None:
        connection = Connection(port)
        try:
            while (job := await due.get()) is not None:
                since, text = job
                samples.append(await _sample(connection, text, since))
        finally:
            connection.close()

    async def send() -> None:
        chance, start = random.Random(seed), loop.time()
        at = start + chance.expovariate(rate)
        while at < start + seconds:
            await asyncio.sleep(max(0.0, at - loop.time()))
            due.put_nowait((at, next(texts)))
            at += chance.expovariate(rate)
        for _ in range(clients):
            due.put_nowait(None)

    sender = asyncio.create_task(send())
    await _clients(clients, use, 3 * seconds + 10)
    await sender
    return samples
