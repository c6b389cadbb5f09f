"""Changes to a trained pipeline that need no training: ONNX Runtime, and another catalogue."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from spacy.language import Language
from wordfreq import top_n_list

from music_ner.data.sources import hashed
from music_ner.export.onnx import Precision, export_to_onnx
from music_ner.pipeline.catalogue.component import Catalogue
from music_ner.pipeline.catalogue.files import Row, rows_of_csv, rows_of_records
from music_ner.pipeline.catalogue.names import to_name
from music_ner.pipeline.labels import LABELS

from .systems import Variant, load_pipeline

FAST = "fast (int8)"
NO_NAMES = "no names"
COMMON_WORDS = "common words as works only"
NAMES_AND_COMMON_WORDS = "training names, common words as works"
NEW_NAMES = "new names only"
ALL_NAMES = "training and new names"
N_COMMON_WORDS = 3000
Name = tuple[str, str]
"""The label and the key (see `to_name`) of a name in the catalogue."""


def changes(new_names: list[Path]) -> dict[str, Variant]:
    """Give the changed pipelines to compare.

    new_names (list[Path]): CSV files of names that training did not have (see `rows_of_csv`).
    RETURNS (dict[str, Variant]): The pipeline with its transformer in ONNX Runtime, and with other
        names (see `catalogue_changes`).
    """
    inputs = [file["sha256"] for file in hashed(new_names)]
    export = partial(export_to_onnx, precision=Precision.int8)
    return {FAST: Variant(partial(load_pipeline, change=export))} | {
        name: Variant(partial(load_pipeline, change=change), inputs)
        for name, change in catalogue_changes(new_names).items()
    }


def catalogue_changes(new_names: list[Path]) -> dict[str, Callable[[Language], None]]:
    """Give the ways to change the names in the catalogue of a trained pipeline.

    new_names (list[Path]): CSV files of names that training did not have.
    RETURNS (dict[str, Callable[[Language], None]]): Takes all names out; has the commonest English
        words as works; has the new names if there are any. By the name of the change.
    """
    words = top_n_list("en", N_COMMON_WORDS)

    def clear(catalogue: Catalogue) -> None:
        catalogue.clear()

    def add_words(catalogue: Catalogue) -> None:
        catalogue.add(works=words)

    def add_new_names(catalogue: Catalogue) -> None:
        for path in new_names:
            catalogue.from_csv(path)

    def change(*steps: Callable[[Catalogue], None]) -> Callable[[Language], None]:
        def apply(nlp: Language) -> None:
            for step in steps:
                step(nlp.get_pipe("catalogue"))

        return apply

    found = {
        NO_NAMES: change(clear),
        COMMON_WORDS: change(clear, add_words),
        NAMES_AND_COMMON_WORDS: change(add_words),
    }
    if new_names:
        found[NEW_NAMES] = change(clear, add_new_names)
        found[ALL_NAMES] = change(add_new_names)
    return found


def unknown_names(new_names: list[Path], names: list[Path]) -> set[Name]:
    """Tell which names a trained pipeline does not know.

    new_names (list[Path]): CSV files of names (see `rows_of_csv`).
    names (list[Path]): The JSON Lines files of names that training had (see `rows_of_records`).
    RETURNS (set[Name]): The names of the CSV files that training had under no label.
    """
    known = {key for _, key in _names(rows_of_records(names))}
    new = {name for path in new_names for name in _names(rows_of_csv(path))}
    return {(label, key) for label, key in new if key not in known}


def _names(rows: Iterable[Row]) -> set[Name]:
    pairs = (pair for row in rows for pair in zip(LABELS, (row.artist, row.work), strict=True))
    return {(label, to_name(name).key) for label, name in pairs if name}
