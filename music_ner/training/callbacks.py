"""Callbacks of the training config."""

import time
from collections.abc import Callable
from typing import Any

from spacy.language import Language
from tqdm import tqdm

MEASURED_STEPS = 10


def create_freezing() -> Callable[[Language], None]:
    """Freeze the word piece embeddings: half the weights of a small BERT, and slow to update."""

    def freeze(nlp: Language) -> None:
        transformer = nlp.get_pipe("transformer").model.transformer
        transformer.get_input_embeddings().requires_grad_(False)

    return freeze


def create_estimate(
    max_steps: int, eval_frequency: int
) -> Callable[[Language, dict[str, Any]], None]:
    """Say how long training takes, as soon as its first steps have been measured.

    Nothing is said if an epoch has no more than `MEASURED_STEPS` steps. What is measured is the
    training itself, so its result is the same.

    max_steps (int): The number of steps of training.
    eval_frequency (int): The number of steps from one evaluation to the next; the first evaluation
        follows the first step.
    RETURNS (Callable[[Language, dict[str, Any]], None]): For `training.before_update`.
    """
    times: list[float] = []

    def measure(nlp: Language, progress: dict[str, Any]) -> None:
        if progress["step"] > MEASURED_STEPS + 1 or eval_frequency <= MEASURED_STEPS:
            return
        times.append(time.perf_counter())
        if progress["step"] == MEASURED_STEPS + 1:
            start, first, last = times[0], times[1], times[-1]
            step = (last - first) / MEASURED_STEPS
            evaluation = max(first - start - step, 0)
            tqdm.write(estimate(step, max_steps, evaluation, max_steps // eval_frequency + 1))

    return measure


def estimate(step: float, n_steps: int, evaluation: float, n_evaluations: int) -> str:
    """Estimate the time of a training.

    step (float): Seconds of a step.
    n_steps (int): The number of steps.
    evaluation (float): Seconds of an evaluation on dev, with saving the pipeline.
    n_evaluations (int): The number of evaluations.
    RETURNS (str): The estimate, and what it assumes.

    >>> print(estimate(0.29, 2044, 12.3, 6))
    Training takes about 11 min: 2,044 steps of 0.29 s and 6 evaluations of 12 s, if they go on like the first ones and the machine gets no busier.
    """  # noqa: E501
    total = _duration(step * n_steps + evaluation * n_evaluations)
    return (
        f"Training takes about {total}: {n_steps:,} steps of {step:.2f} s and {n_evaluations} "
        f"evaluations of {evaluation:.0f} s, if they go on like the first ones and the machine "
        "gets no busier."
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
