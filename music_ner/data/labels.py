"""Which labels are trained, and what those of the data are called."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from music_ner.data.query import AMBIGUOUS, Query, Span, is_label
from music_ner.pipeline.labels import LABELS, RESERVED


class LabelChoice(NamedTuple):
    """What `vars.labels` says.

    renamed (dict[str, str]): New names of labels; empty for those whose spans are no entities.
    kept (frozenset[str]): The labels to train; empty for all.
    """

    renamed: Mapping[str, str]
    kept: frozenset[str]


def parse_labels(text: str) -> LabelChoice:
    """Read `vars.labels`.

    text (str): Comma-separated names of labels to train, and mappings. Without names, all labels
        are trained. `Track=WoA` renames a label, and `Mood=` says that its spans are no entities.
    RETURNS (LabelChoice): What it says.
    RAISES (ValueError): If it is not of this form.

    >>> parse_labels("Track=WoA,Album=WoA").renamed
    {'Track': 'WoA', 'Album': 'WoA'}
    """
    renamed, kept = {}, set()
    for item in filter(None, map(str.strip, text.split(","))):
        old, is_mapping, new = (part.strip() for part in item.partition("="))
        for name in filter(None, (old, new)):
            if not is_label(name) or name in RESERVED:
                raise ValueError(f"'{name}' is no label: write it without quotes and =")
        if not old:
            raise ValueError(f"'{item}' maps nothing: write old=new")
        if is_mapping:
            renamed[old] = new
        else:
            kept.add(old)
    if kept:
        kept.update(filter(None, renamed.values()))
    return LabelChoice(renamed, frozenset(kept))


def relabel(query: Query, choice: LabelChoice) -> tuple[Query, list[Span], list[Span]]:
    """Apply a choice of labels to a query.

    query (Query): Any query.
    choice (LabelChoice): The choice.
    RETURNS (tuple[Query, list[Span], list[Span]]): The query; its spans that are no entities; and
        those whose label is not trained, which become ambiguous.
    """
    dropped: list[Span] = []
    unknown: list[Span] = []

    def rename(spans: Iterable[Span], is_gold: bool) -> Iterable[Span]:
        for span in spans:
            label = choice.renamed.get(span.label, span.label)
            if not label:
                dropped.extend([span] if is_gold else [])
                continue
            if label != AMBIGUOUS and choice.kept and label not in choice.kept:
                unknown.extend([span] if is_gold else [])
                label = AMBIGUOUS
            yield span._replace(label=label)

    spans, annotations = tuple(rename(query.spans, True)), tuple(rename(query.annotations, False))
    return replace(query, spans=spans, annotations=annotations), dropped, unknown


def in_order(labels: Iterable[str]) -> list[str]:
    """RETURNS (list[str]): Labels in the order in which they are shown: LABELS, then others by
    name."""
    labels = {*labels} - {AMBIGUOUS}
    return [*(name for name in LABELS if name in labels), *sorted(labels - {*LABELS})]


def look_alikes(counts: Counter[str]) -> list[tuple[str, str]]:
    """Find labels that may be others, misspelt.

    counts (Counter[str]): The number of entities of each label.
    RETURNS (list[tuple[str, str]]): Labels, each with a similar one that is more frequent.
    """
    folded = {label: label.lower() for label in counts}
    found = []
    for label in counts:
        others = [other for other in counts if counts[other] > counts[label]]
        similar = difflib.get_close_matches(
            folded[label], [folded[other] for other in others], n=1, cutoff=0.75
        )
        if similar:
            found.append((label, next(o for o in others if folded[o] == similar[0])))
    return found
