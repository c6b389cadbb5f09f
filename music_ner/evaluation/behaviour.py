"""Behaviour tests of a pipeline, in the style of CheckList.

Ribeiro et al. 2020, https://aclanthology.org/2020.acl-main.442. A capability is tested on queries
whose entities are simple and clear, with three kinds of tests:

- minimum functionality: the pipeline finds exactly the entities;
- invariance: it finds the same if what should not matter changes: case, end mark, names;
- directional: its confidence does not fall if the names are added to the catalogue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from spacy.language import Language

from music_ner.data.marked import read
from music_ner.data.query import Query, Span
from music_ner.pipeline.labels import LABELS

MINIMUM, INVARIANCE, DIRECTIONAL = "minimum functionality", "invariance", "directional"
KINDS = (MINIMUM, INVARIANCE, DIRECTIONAL)
CATALOGUE = "catalogue"
END_MARKS = ".?!"
Found = tuple[int, int, str, float | None]
"""Start offset, end offset, label and confidence of an entity."""
TOLERANCE = 0.05
"""By how much the confidence may fall in a directional test."""


class Outcome(NamedTuple):
    """What came out of one test.

    capability (str): What it tests.
    kind (str): One of KINDS.
    text (str): What the pipeline read.
    expected (str): The entities that it should find, and how confidently.
    found (str): Those that it found.
    passed (bool): Whether the test passed.
    """

    capability: str
    kind: str
    text: str
    expected: str
    found: str
    passed: bool


def read_capabilities(folder: Path) -> dict[str, list[Query]]:
    """Read the queries of each capability.

    folder (Path): A file of marked queries for each capability (see `music_ner.data.marked.read`).
    RETURNS (dict[str, list[Query]]): The queries by capability, which is the file's name.
    RAISES (UnreadableFileError): If a file cannot be read.
    """
    return {path.stem: read([path]) for path in sorted(folder.glob("*.txt"))}


def in_other_case(query: Query) -> Query | None:
    """Write a query in lower case, or in upper case if it is in lower case already.

    query (Query): Any query.
    RETURNS (Query | None): The query; None if its letters have no case, or change their number.
    """
    text = query.text.lower() if query.text != query.text.lower() else query.text.upper()
    if text == query.text or len(text) != len(query.text):
        return None
    return replace(query, text=text)


def with_other_end(query: Query) -> Query | None:
    """Leave out the end mark of a query, or add a full stop.

    query (Query): Any query.
    RETURNS (Query | None): The query; None if its end mark belongs to an entity.
    """
    text = query.text.rstrip(END_MARKS)
    if any(span.end > len(text) for span in query.spans):
        return None
    return replace(query, text=text if text != query.text else f"{text}.")


def with_other_names(query: Query, names: dict[str, Sequence[str]], number: int) -> Query | None:
    """Replace the entities of a query.

    query (Query): Any query.
    names (dict[str, Sequence[str]]): Names by label.
    number (int): Which of the names to take; of several in a query, each takes the next.
    RETURNS (Query | None): The query, its names in lower case if all of it is; None without
        entities.
    """
    if not query.spans:
        return None
    text, spans, end = "", [], 0
    for i, (start, stop, label, *_) in enumerate(query.spans):
        name = names[label][(number + 1 + i) % len(names[label])]
        name = name.lower() if query.text == query.text.lower() else name
        text += query.text[end:start]
        spans.append(Span(len(text), len(text) + len(name), label))
        text, end = text + name, stop
    return replace(query, text=text + query.text[end:], spans=tuple(spans))


def names_of(queries: Iterable[Query]) -> dict[str, list[str]]:
    """RETURNS (dict[str, list[str]]): The text of the entities of queries, by label."""
    spans = [(query.text[s.start : s.end], s.label) for query in queries for s in query.spans]
    return {label: [name for name, of_name in spans if of_name == label] for label in LABELS}


def invariants(queries: Sequence[Query]) -> list[tuple[Query, Query]]:
    """RETURNS (list[tuple[Query, Query]]): Each query with its variants, in which a pipeline should
    find the same."""
    names = names_of(queries)
    return [
        (query, variant)
        for number, query in enumerate(queries)
        for variant in (
            in_other_case(query),
            with_other_end(query),
            with_other_names(query, names, number),
        )
        if variant
    ]


def relative(spans: Iterable[Span | Found], query: Query) -> set[tuple]:
    """Describe spans by the entities and words of a query, so that they compare with its variants.

    spans (Iterable[Span | Found]): Spans of the query's text.
    query (Query): The query with its gold entities.
    RETURNS (set[tuple]): For each span its label, and the number of the entity that it equals, or
        of those that it touches; its words if it touches none.
    """
    described = set()
    for start, end, label, *_ in spans:
        touched = tuple(i for i, s in enumerate(query.spans) if s.start < end and start < s.end)
        is_equal = [(start, end)] == [query.spans[i][:2] for i in touched]
        words = "" if touched else query.text[start:end].lower()
        described.add((label, touched, is_equal, words))
    return described


def write(text: str, spans: Iterable[Sequence]) -> str:
    """RETURNS (str): Spans of a text as `yellow (WoA), coldplay (Artist)`; `nothing` if none."""
    return ", ".join(f"{text[s[0] : s[1]]} ({s[2]})" for s in spans) or "nothing"


def run(nlp: Language, capabilities: dict[str, list[Query]]) -> list[Outcome]:
    """Test a pipeline.

    nlp (Language): The pipeline. If it has no component `catalogue`, or its entities have no
        confidence, there are no directional tests.
    capabilities (dict[str, list[Query]]): The queries of each capability.
    RETURNS (list[Outcome]): What came out of each test.
    """
    queries = [query for of_capability in capabilities.values() for query in of_capability]
    found = find(nlp, queries)
    listed = find_with_names_listed(nlp, queries) if nlp.has_pipe(CATALOGUE) else {}
    outcomes: list[Outcome] = []
    for capability, of_capability in capabilities.items():
        pairs = invariants(of_capability)
        of_variants = find(nlp, [variant for _, variant in pairs])
        outcomes += [has_minimum(capability, query, found[query.text]) for query in of_capability]
        outcomes += [
            is_invariant(capability, query, found[query.text], variant, of_variants[variant.text])
            for query, variant in pairs
        ]
        if listed:
            for query in of_capability:
                outcomes += gains(capability, query, found[query.text], listed[query.text])
    return outcomes


def has_minimum(capability: str, query: Query, found: list[Found]) -> Outcome:
    """RETURNS (Outcome): Whether exactly the entities of a query were found."""
    passed = {span[:3] for span in found} == {span[:3] for span in query.spans}
    expected = write(query.text, query.spans)
    return Outcome(capability, MINIMUM, query.text, expected, write(query.text, found), passed)


def is_invariant(
    capability: str, query: Query, found: list[Found], variant: Query, of_variant: list[Found]
) -> Outcome:
    """RETURNS (Outcome): Whether the same was found in a query and in a variant of it."""
    passed = relative(found, query) == relative(of_variant, variant)
    texts = write(query.text, found), write(variant.text, of_variant)
    return Outcome(capability, INVARIANCE, variant.text, *texts, passed)


def gains(capability: str, query: Query, found: list[Found], listed: list[Found]) -> list[Outcome]:
    """RETURNS (list[Outcome]): For each entity that was found, whether it is no less confident now
    that the catalogue lists it."""
    before, after = ({span[:3]: span[3] for span in spans} for spans in (found, listed))
    outcomes = []
    for span in query.spans:
        confidence = before.get(span[:3])
        if confidence is not None:
            now = after.get(span[:3], 0.0)
            expected = f"{write(query.text, [span])} {confidence:.2f}"
            passed = now >= confidence - TOLERANCE
            outcome = Outcome(capability, DIRECTIONAL, query.text, expected, f"{now:.2f}", passed)
            outcomes.append(outcome)
    return outcomes


def find(nlp: Language, queries: Iterable[Query]) -> dict[str, list[Found]]:
    """RETURNS (dict[str, list[Found]]): The entities that a pipeline finds, by text."""
    texts = [query.text for query in queries]
    return {
        doc.text: [(e.start_char, e.end_char, e.label_, e._.confidence) for e in doc.ents]
        for doc in nlp.pipe(texts)
    }


def find_with_names_listed(nlp: Language, queries: Sequence[Query]) -> dict[str, list[Found]]:
    """RETURNS (dict[str, list[Found]]): The entities that a pipeline finds, by text, while
    its catalogue lists those of all queries."""
    catalogue = nlp.get_pipe(CATALOGUE)
    saved = catalogue.to_bytes()
    artists, works = names_of(queries).values()
    catalogue.add(artists=artists, works=works)
    try:
        return find(nlp, queries)
    finally:
        catalogue.from_bytes(saved)


def pass_rates(outcomes: Iterable[Outcome]) -> dict[str, dict[str, Any]]:
    """Count the tests that passed.

    outcomes (Iterable[Outcome]): What `run` gave.
    RETURNS (dict[str, dict[str, Any]]): By capability, and for `all`: the number of `tests`, the
        share that `passed`, and the share of each of KINDS, None where there are none.
    """
    outcomes = list(outcomes)
    rows = {}
    for name in [*dict.fromkeys(outcome.capability for outcome in outcomes), "all"]:
        chosen = [o for o in outcomes if name in (o.capability, "all")]
        shares = {
            kind: [outcome.passed for outcome in chosen if outcome.kind == kind] for kind in KINDS
        }
        rows[name] = {
            "tests": len(chosen),
            "passed": float(np.mean([outcome.passed for outcome in chosen])),
            **{kind: float(np.mean(passed)) if passed else None for kind, passed in shares.items()},
        }
    return rows
