"""What the matches of a catalogue tell the ner about each token."""

from collections.abc import Collection, Iterable, Sequence
from math import log1p

import numpy as np
from spacy.tokens import Doc

from music_ner.pipeline.catalogue.matching import Match
from music_ner.pipeline.labels import LABELS

FEATURES = (
    "begin",
    "inside",
    "last",
    "unit",
    "length",
    "commonness",
    "rarest_word",
    "frequency",
    "n_pairs",
    "partner",
    "shared",
)
N_FEATURES = len(LABELS) * len(FEATURES)
"""Columns of `doc._.catalogue`, where it lists no other labels."""
LENGTH_SCALE = 6  # words
PAIRS_SCALE = log1p(30)
BEGIN, INSIDE, LAST, UNIT = (
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0),
    (0.0, 0.0, 1.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
)


def features_of(
    matches: Iterable[Match], n_tokens: int, labels: Sequence[str] = LABELS
) -> list[tuple[float, ...]]:
    """Turn the matches of a doc into features of its tokens.

    matches (Iterable[Match]): The matches; those of one label do not overlap.
    n_tokens (int): The number of tokens of the doc.
    labels (Sequence[str]): The labels that the catalogue lists.
    RETURNS (list[tuple[float, ...]]): For each token the columns of `FEATURES`, for each label (see
        `Catalogue`). Numbers and lists, unlike arrays, can be written as JSON.
    """
    n_features = len(labels) * len(FEATURES)
    values = [0.0] * (n_tokens * n_features)
    for match in matches:
        of_match = (
            min(match.n_words, LENGTH_SCALE) / LENGTH_SCALE,
            match.commonness,
            match.rarest_word,
            match.frequency,
            min(log1p(match.n_pairs) / PAIRS_SCALE, 1.0),
            float(match.partner > 0),
            float(match.shared),
        )
        column = labels.index(match.label) * len(FEATURES)
        for token, position in enumerate(_positions(match.end - match.start), start=match.start):
            first = token * n_features + column
            values[first : first + len(FEATURES)] = position + of_match
    return [tuple(values[i : i + n_features]) for i in range(0, len(values), n_features)]


def to_array(features: Iterable[Iterable[float]], n_features: int = N_FEATURES) -> np.ndarray:
    """RETURNS (np.ndarray): Features of tokens as float32, tokens x features."""
    return np.array(features, dtype="f").reshape(-1, n_features)


def features_without(doc: Doc, dropped: Collection[int]) -> np.ndarray:
    """Give the features of a doc as if some of its matches did not exist.

    doc (Doc): A doc that the catalogue has processed.
    dropped (Collection[int]): The numbers of these matches, from 1.
    RETURNS (np.ndarray): `doc._.catalogue` without them, as an array. Partners and namesakes that
        are dropped leave no trace in other matches.
    """
    matches = [Match(*match) for match in doc._.catalogue_matches]
    kept = (
        match._replace(
            partner=0 if match.partner in dropped else match.partner,
            n_pairs=match.n_pairs - (match.partner in dropped),
            shared=match.shared and match.namesake not in dropped,
        )
        for number, match in enumerate(matches, start=1)
        if number not in dropped
    )
    labels = doc._.catalogue_labels or LABELS
    return to_array(features_of(kept, len(doc), labels), len(labels) * len(FEATURES))


def _positions(length: int) -> list[tuple[int, ...]]:
    return [UNIT] if length == 1 else [BEGIN, *[INSIDE] * (length - 2), LAST]
