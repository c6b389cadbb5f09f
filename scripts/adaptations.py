"""What `benchmark` changes in trained pipelines without training them: speed, and the catalogue."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from spacy.language import Language
from wordfreq import top_n_list

from scripts import fast, onnx_encoder, quantization
from scripts.calibrate import raw_spans
from scripts.comparison import (
    ALL_NAMES,
    COMMON_WORDS,
    FAST,
    NEW_NAMES,
    NO_NAMES,
    TRAINING_NAMES_AND_COMMON_WORDS,
)
from scripts.fast import Precision, make_fast
from scripts.metrics import ConfidentSpan
from scripts.name_catalogue import (
    LABELS,
    Catalogue,
    rows_of_csv,
    rows_of_records,
    to_name,
)
from scripts.sources import hashed

N_COMMON_WORDS = 3000
ListedName = tuple[str, str]
"""A label, and a name as the catalogue stores it."""


class Adaptation(NamedTuple):
    """A change to a trained pipeline.

    inputs (list[Any]): What it depends on beside the pipeline: anything that JSON can hold.
    adapt (Callable[[Language], None]): Changes the pipeline.
    """

    inputs: list[Any]
    adapt: Callable[[Language], None]


def hashes_of(modules: Iterable[ModuleType]) -> list[str]:
    """RETURNS (list[str]): The sha256 of each module's file."""
    return [file["sha256"] for file in hashed(Path(module.__file__) for module in modules)]


def find_raw(nlp: Language, texts: list[str]) -> list[list[ConfidentSpan]]:
    """RETURNS (list[list[ConfidentSpan]]): The entities of each text with the ner's own
    probabilities."""
    return [raw_spans(doc) for doc in nlp.pipe(texts)]


def adaptations(new_names: list[Path]) -> dict[str, Adaptation]:
    """Give what is changed in trained pipelines.

    new_names (list[Path]): CSV files of names that are brought only after training (see
        `rows_of_csv`).
    RETURNS (dict[str, Adaptation]): By name, pipelines made fast in 8 bits, and with other names in
        their catalogue: none, the commonest English words as works, and those of the files, if
        there are any.
    """
    common_words = top_n_list("en", N_COMMON_WORDS)

    def bring_common_words(catalogue: Catalogue) -> None:
        catalogue.update(works=common_words)

    def bring_new_names(catalogue: Catalogue) -> None:
        for path in new_names:
            catalogue.from_csv(path)

    code = hashes_of((fast, onnx_encoder, quantization))
    found = {
        FAST: Adaptation(code, partial(make_fast, precision=Precision.int8)),
        NO_NAMES: _of_catalogue([], Catalogue.clear),
        COMMON_WORDS: _of_catalogue(common_words, Catalogue.clear, bring_common_words),
        TRAINING_NAMES_AND_COMMON_WORDS: _of_catalogue(common_words, bring_common_words),
    }
    if new_names:
        inputs = [file["sha256"] for file in hashed(new_names)]
        found[NEW_NAMES] = _of_catalogue(inputs, Catalogue.clear, bring_new_names)
        found[ALL_NAMES] = _of_catalogue(inputs, bring_new_names)
    return found


def _of_catalogue(inputs: list[Any], *changes: Callable[[Catalogue], Any]) -> Adaptation:
    def adapt(nlp: Language) -> None:
        for change in changes:
            change(nlp.get_pipe("catalogue"))

    return Adaptation(inputs, adapt)


def names_brought(new_names: list[Path], training: Iterable[str | Path]) -> set[ListedName]:
    """Tell which names are new to a trained pipeline.

    new_names (list[Path]): CSV files of names that are brought only after training.
    training (Iterable[str | Path]): JSON Lines files of names that training knew (see
        `rows_of_records`).
    RETURNS (set[ListedName]): Those brought that training knew under no label.
    """
    known = {to_name(name).key for row in rows_of_records(training) for name in row if name}
    return {
        (label, key)
        for path in new_names
        for row in rows_of_csv(path)
        for label, name in zip(LABELS, row, strict=True)
        if name and (key := to_name(name).key) and key not in known
    }
