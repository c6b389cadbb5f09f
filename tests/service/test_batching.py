"""The queue, with functions in the place of a pipeline."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from music_ner.service.batching import Batcher, QueueFullError


def lengths(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


def batcher_of(run: Callable, **options) -> Batcher:
    return Batcher(run, **{"max_batch": 4, "max_delay": 0.01, "max_waiting": 100, **options})


def with_worker(batcher: Batcher, use: Callable):
    """Run `use(batcher)` while the batcher works."""

    async def run():
        work = asyncio.create_task(batcher.work())
        try:
            return await use(batcher)
        finally:
            work.cancel()

    return asyncio.run(run())


class Gate:
    """A function that lets a batch through when it is opened, and remembers the batches."""

    def __init__(self):
        self.batches: list[list[str]] = []
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, texts: list[str]) -> list[int]:
        self.batches.append(texts)
        self.entered.set()
        assert self.opened.wait(30)
        return lengths(texts)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_each_caller_gets_the_results_of_its_own_texts_in_order():
    async def use(batcher):
        requests = [["a" * n, "b" * (2 * n)] for n in range(20)]
        found = await asyncio.gather(*map(batcher.process, requests))
        return list(zip(requests, found, strict=True))

    for texts, results in with_worker(batcher_of(lengths), use):
        assert results == lengths(texts)


def test_what_arrives_while_the_pipeline_works_is_processed_together():
    gate = Gate()

    async def use(batcher):
        first = asyncio.create_task(batcher.process(["first"]))
        await until(gate.entered.is_set)
        others = [asyncio.create_task(batcher.process([text])) for text in "abcde"]
        await until(lambda: len(batcher) == 5)
        gate.opened.set()
        await asyncio.gather(first, *others)

    with_worker(batcher_of(gate), use)
    assert gate.batches == [["first"], [*"abcd"], ["e"]]


def test_a_request_that_is_larger_than_a_batch_is_cut():
    gate = Gate()
    gate.opened.set()
    found = with_worker(batcher_of(gate), lambda batcher: batcher.process([*"abcdefghij"]))
    assert found == [1] * 10
    assert list(map(len, gate.batches)) == [4, 4, 2]


def test_a_text_that_is_alone_does_not_wait_for_others_for_ever():
    found = with_worker(batcher_of(lengths), lambda batcher: batcher.process(["alone"]))
    assert found == [5]


def test_a_full_queue_refuses_texts_and_works_on():
    gate = Gate()

    async def use(batcher):
        first = asyncio.create_task(batcher.process(["first"]))
        await until(gate.entered.is_set)
        others = asyncio.create_task(batcher.process(["a", "b"]))
        await until(lambda: batcher.is_full)
        with pytest.raises(QueueFullError):
            await batcher.process(["c"])
        gate.opened.set()
        return await asyncio.gather(first, others)

    assert with_worker(batcher_of(gate, max_waiting=2), use) == [[5], [1, 1]]


def test_texts_whose_caller_has_gone_are_not_processed():
    gate = Gate()

    async def use(batcher):
        first = asyncio.create_task(batcher.process(["first"]))
        await until(gate.entered.is_set)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(batcher.process(["gone"]), 0.01)
        last = asyncio.create_task(batcher.process(["last"]))
        gate.opened.set()
        return await asyncio.gather(first, last)

    assert with_worker(batcher_of(gate), use) == [[5], [4]]
    assert gate.batches == [["first"], ["last"]]


def test_an_error_reaches_those_in_the_batch_and_no_others():
    def run(texts):
        if "bad" in texts:
            raise ValueError("bad")
        return lengths(texts)

    async def use(batcher):
        with pytest.raises(ValueError, match="bad"):
            await batcher.process(["bad"])
        return await batcher.process(["good"])

    assert with_worker(batcher_of(run), use) == [4]
