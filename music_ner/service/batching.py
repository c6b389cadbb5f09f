"""A queue that lets a pipeline read the texts of several requests at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Generic, TypeVar

Result = TypeVar("Result")


class QueueFullError(Exception):
    """More texts wait than the queue takes."""


class Batcher(Generic[Result]):
    """Collects texts, and has them processed in batches by one thread.

    While the thread is busy, texts wait and form the next batch. If it is idle, a text waits for
    others for a short time.

    run (Callable[[list[str]], Sequence[Result]]): Gives a result for each text of a batch. It is
        never called twice at the same time.
    max_batch (int): Texts of a batch.
    max_delay (float): Seconds that a text waits for others.
    max_waiting (int): Texts that may wait.
    """

    def __init__(
        self,
        run: Callable[[list[str]], Sequence[Result]],
        *,
        max_batch: int,
        max_delay: float,
        max_waiting: int,
    ):
        self._run = run
        self._max_batch, self._max_delay, self._max_waiting = max_batch, max_delay, max_waiting
        self._waiting: deque[tuple[str, float, asyncio.Future[Result]]] = deque()
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pipeline")

    def __len__(self) -> int:
        """RETURNS (int): How many texts wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no further text may wait."""
        return len(self) >= self._max_waiting

    async def process(self, texts: Sequence[str]) -> list[Result]:
        """Process texts, together with those of others.

        texts (Sequence[str]): The texts.
        RETURNS (list[Result]): The result of each. If the caller is cancelled, texts that still
            wait are not processed.
        RAISES (QueueFullError): If too many texts wait already; then none of these is processed.
        """
        if len(self) + len(texts) > self._max_waiting:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        now = loop.time()
        futures = [loop.create_future() for _ in texts]
        self._waiting.extend(zip(texts, repeat(now), futures, strict=False))
        self._changed.set()
        return await asyncio.gather(*futures)

    async def work(self) -> None:
        """Process what waits, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._fill()
                batch = self._take()
                if not batch:
                    continue
                texts = [text for text, _ in batch]
                try:
                    results = await loop.run_in_executor(self._thread, self._run, texts)
                except Exception as error:
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), result in zip(batch, results, strict=True):
                        if not future.done():
                            future.set_result(result)
        finally:
            self._thread.shutdown(wait=False)

    async def _fill(self) -> None:
        """Wait until there is a text, and it has waited long enough or a batch is complete."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        _, since, _ = self._waiting[0]
        loop = asyncio.get_running_loop()
        while len(self._waiting) < self._max_batch:
            left = since + self._max_delay - loop.time()
            if left <= 0:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except asyncio.TimeoutError:
                return

    def _take(self) -> list[tuple[str, "asyncio.Future[Result]"]]:
        batch: list[tuple[str, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < self._max_batch:
            text, _, future = self._waiting.popleft()
            if not future.done():
                batch.append((text, future))
        return batch
