"""The labels of entities, their colours, and the span group that holds their scores."""

from collections.abc import Iterable

LABELS = ("Artist", "WoA")
COLORS = {"Artist": "#ffd166", "WoA": "#8ecae6"}
"""What displaCy colours entities with, through the entry point `spacy_displacy_colors`; labels of
pipelines that are loaded are added (see `add_colors`)."""
PALETTE = ("#b7e4c7", "#f4acb7", "#cdb4db", "#ffb385", "#a8dadc", "#e9edc9", "#d6ccc2", "#bde0fe")
SPANS_KEY = "ents"
"""Key of the span group in `doc.spans` that holds the entities with their probabilities."""
RESERVED = ("log_odds", "bias", "length")
"""What no label can be called: features of calibration (see `entity_confidence.features_of`)."""


def add_colors(labels: Iterable[str]) -> None:
    """Give each label a colour of its own in displaCy, as long as PALETTE has some left.

    labels (Iterable[str]): Labels; those that have a colour keep it.
    """
    for label in sorted(labels):
        COLORS.setdefault(label, PALETTE[(len(COLORS) - len(LABELS)) % len(PALETTE)])
