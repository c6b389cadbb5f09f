"""What several annotators say of one query: what most of them agree on, and how far they agree."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

from seqeval.metrics import f1_score

from music_ner.data.query import AMBIGUOUS, Query, Span, word_tags
from music_ner.data.writings import query_key


def combine(queries: Iterable[Query]) -> tuple[list[Query], list[list[Query]]]:
    """Join the annotations of one text by the majority.

    queries (Iterable[Query]): One query for each annotation.
    RETURNS (tuple[list[Query], list[list[Query]]]): One query for each text, in order, those with
        several annotations with the spans of all annotators beside it; and the annotations of each
        of these.
    """
    of_text: dict[str, list[Query]] = {}
    for query in queries:
        of_text.setdefault(query.text, []).append(query)
    several = [annotations for annotations in of_text.values() if len(annotations) > 1]
    combined = [
        replace(query, annotations=(), annotators=()) if not others else _majority([query, *others])
        for query, *others in of_text.values()
    ]
    return combined, several


def _majority(annotations: Sequence[Query]) -> Query:
    """Decide what the entities of a text are.

    annotations (Sequence[Query]): The annotations of a text.
    RETURNS (Query): The query with the spans that more than half of the annotations have. Other
        text is ambiguous that at least half of them mark as something.
    """
    n = len(annotations)
    votes = Counter(span[:3] for query in annotations for span in query.spans)
    kept = [Span(*span) for span, count in votes.items() if 2 * count > n]
    marked = Counter(
        place for query in annotations for span in query.spans for place in range(*span[:2])
    )
    doubtful = {place for place, count in marked.items() if 2 * count >= n}
    doubtful.difference_update(*(range(span.start, span.end) for span in kept))
    layer = tuple(sorted(span for query in annotations for span in query.annotations))
    return replace(
        annotations[0],
        spans=tuple(sorted([*kept, *_runs(doubtful, annotations[0].text)])),
        annotations=layer,
        complete=all(query.complete for query in annotations),
        annotators=tuple(dict.fromkeys(name for q in annotations for name in q.annotators)),
    )


def _runs(places: set[int], text: str) -> list[Span]:
    """RETURNS (list[Span]): Ambiguous spans of consecutive characters, without white space at their
    edges."""
    runs: list[Span] = []
    for place in sorted(place for place in places if not text[place].isspace()):
        if runs and not text[runs[-1].end : place].strip() and _all(runs[-1].end, place, places):
            runs[-1] = runs[-1]._replace(end=place + 1)
        else:
            runs.append(Span(place, place + 1, AMBIGUOUS))
    return runs


def _all(start: int, end: int, places: set[int]) -> bool:
    return places.issuperset(range(start, end))


def pair_agreement(several: Iterable[Sequence[Query]]) -> dict[str, dict[str, float]]:
    """Score each pair of annotators against each other, on the texts that both annotated.

    several (Iterable[Sequence[Query]]): The annotations of each text.
    RETURNS (dict[str, dict[str, float]]): For each pair, such as `ann and bob`, the number of
        queries and seqeval's F1 over whitespace words, which is the same in both directions.
    """
    tags: dict[str, tuple[list, list]] = {}
    for annotations in several:
        by_name = sorted(annotations, key=lambda query: query.annotators)
        for one, other in combinations(by_name, 2):
            ours, theirs = tags.setdefault(
                f"{one.annotators[0]} and {other.annotators[0]}", ([], [])
            )
            ours.append(word_tags(one.text, [span[:3] for span in one.spans]))
            theirs.append(word_tags(other.text, [span[:3] for span in other.spans]))
    return {
        pair: {"queries": len(ours), "f1": float(f1_score(ours, theirs, zero_division=0))}
        for pair, (ours, theirs) in tags.items()
    }


def split_off(queries: Iterable[Query]) -> tuple[list[Query], list[Query], list[Query]]:
    """Tell gold from annotations.

    queries (Iterable[Query]): Queries of one variable.
    RETURNS (tuple[list[Query], list[Query], list[Query]]): Gold; annotations of other queries; and
        annotations of queries that gold holds too, which only are kept beside it.
    """
    gold, annotated = [], []
    for query in queries:
        (annotated if query.annotators else gold).append(query)
    keys = {query_key(query.text) for query in gold}
    alone = [query for query in annotated if query_key(query.text) not in keys]
    beside = [query for query in annotated if query_key(query.text) in keys]
    return gold, alone, beside
