"""Make corpora of annotated queries: join annotators with gold, split into train, dev and test."""

import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seqeval.metrics import f1_score
from spacy.tokens import Doc, DocBin

from music_ner.data.annotators import combine, pair_agreement, split_off
from music_ner.data.bio import read_bio
from music_ner.data.formats import read
from music_ner.data.labels import LabelChoice, in_order, parse_labels, relabel
from music_ner.data.offsets_csv import read_csv
from music_ner.data.query import SUPPLEMENT, Query, Span, to_doc, word_tags
from music_ner.data.reading import Reading
from music_ner.data.writings import entities_key, place, query_key

TEST_SHARE = 0.1
DEV_SHARE = 0.1
SPLITS = ("train", "dev", "test")


def read_gold(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read gold entities from CSV (see `read_csv`) if the file is called so, else from BIO.

    path (Path): The file.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Reading): The queries, without annotators.
    RAISES (UnreadableFileError): If the file cannot be read.
    """
    if path.suffix.lower() != ".csv":
        return read_bio(path)
    reading = read_csv(path, make_doc)
    queries = [
        replace(
            query,
            spans=tuple(Span(*span[:3]) for span in query.spans),
            annotations=(),
            annotators=(),
        )
        for query in reading.queries
    ]
    return replace(reading, queries=queries)


def join(
    gold: Iterable[Query], annotated: Iterable[Query]
) -> tuple[list[Query], list[Query], list[tuple[Query, Span]]]:
    """Add the annotators' spans to the gold queries.

    Queries are the same if their `query_key` is. Gold decides what the entities are; without gold,
    the annotator whose file comes first does.

    gold (Iterable[Query]): Queries with gold entities.
    annotated (Iterable[Query]): Queries with annotators' spans.
    RETURNS (tuple[list[Query], list[Query], list[tuple[Query, Span]]]): The gold queries, the
        queries that only annotators have, and the spans that gold does not contain.
    """
    gold, others, lost = list(gold), [], []
    gold_keys = {query_key(query.text) for query in gold}
    writings: dict[str, list[Query]] = {}
    for query in annotated:
        key = query_key(query.text)
        if key not in gold_keys and key not in writings:
            others.append(query)
        writings.setdefault(key, []).append(query)

    def with_layer(query: Query) -> Query:
        layer: list[Span] = []
        annotators: list[str] = []
        for writing in writings.get(query_key(query.text), ()):
            placed, unplaced = place(writing, query)
            layer.extend(placed)
            annotators.extend(writing.annotators)
            lost.extend((writing, span) for span in unplaced)
        names = tuple(dict.fromkeys([*query.annotators, *annotators]))
        annotations = tuple(sorted([*query.annotations, *layer]))
        return replace(query, annotations=annotations, annotators=names)

    gold = [with_layer(query) for query in gold]
    others = [with_layer(replace(query, annotations=(), annotators=())) for query in others]
    return gold, others, list(dict.fromkeys(lost))


def agreement(gold: Iterable[Query]) -> dict[str, dict[str, float]]:
    """Score each annotator against gold, on the queries that both have.

    gold (Iterable[Query]): Gold queries with the annotators' spans.
    RETURNS (dict[str, dict[str, float]]): By annotator, the number of queries and seqeval's F1
        over whitespace words. An ambiguous span never agrees with a gold entity.
    """
    tags: dict[str, tuple[list, list]] = {}
    for query in gold:
        for annotator in query.annotators:
            spans = [span for span in query.annotations if span.annotator == annotator]
            truth, marked = tags.setdefault(annotator, ([], []))
            truth.append(word_tags(query.text, [span[:3] for span in query.spans]))
            marked.append(word_tags(query.text, [span[:3] for span in spans]))
    return {
        annotator: {"queries": len(truth), "f1": float(f1_score(truth, marked, zero_division=0))}
        for annotator, (truth, marked) in tags.items()
    }


def hold_out(queries: list[Query], share: float, seed: int) -> tuple[list[Query], list[Query]]:
    """Split queries in two, stratified by their source and labels.

    A systematic sample: the queries are shuffled, sorted by their source (see `Query`) and labels,
    and every n-th is taken. Writings of one query (see `query_key`) stay together.

    queries (list[Query]): The queries.
    share (float): The share to hold out, of the distinct queries, rounded up.
    seed (int): Seed of the shuffling.
    RETURNS (tuple[list[Query], list[Query]]): The queries that stay, and those held out.
    """
    strata: dict[str, list[str]] = {}
    for query in queries:
        labels = sorted({span.label for span in query.spans})
        strata.setdefault(query_key(query.text), [query.source, *labels])
    keys = random.Random(seed).sample(sorted(strata), len(strata))
    keys.sort(key=strata.__getitem__)
    count = math.ceil(share * len(keys))
    held_out = {keys[int((i + 0.5) * len(keys) / count)] for i in range(count)}
    kept = [query for query in queries if query_key(query.text) not in held_out]
    return kept, [query for query in queries if query_key(query.text) in held_out]


def split(queries: list[Query], test: list[Query], seed: int) -> dict[str, list[Query]]:
    """Split queries into train, dev and test.

    queries (list[Query]): The queries, whatever file they came from.
    test (list[Query]): A fixed test set; empty: a tenth of the queries is held out.
    seed (int): Seed of the split.
    RETURNS (dict[str, list[Query]]): The queries of each split.
    """
    if not test:
        queries, test = hold_out(queries, TEST_SHARE, seed)
    train, dev = hold_out(queries, DEV_SHARE, seed)
    return {"train": train, "dev": dev, "test": test}


def labels_of(docs: Iterable[Doc]) -> list[str]:
    """RETURNS (list[str]): The labels of entities, in the order in which they are shown."""
    return in_order(ent.label_ for doc in docs for ent in doc.ents)


def describe(docs: Iterable[Doc], labels: Iterable[str]) -> dict:
    """RETURNS (dict): The numbers of queries, entities of each label and tokens of a split."""
    docs = list(docs)
    spans = Counter(ent.label_ for doc in docs for ent in doc.ents)
    with_entities = sum(bool(doc.ents) for doc in docs)
    return {
        "queries": len(docs),
        "with_entities": with_entities,
        "without_entities": len(docs) - with_entities,
        **{label: spans[label] for label in labels},
        "tokens": sum(len(doc) for doc in docs),
        "missing_tokens": sum(token.ent_iob == 0 for doc in docs for token in doc),
    }


def keys_of(queries: Iterable[Query]) -> set[str]:
    """RETURNS (set[str]): The `query_key` of each query."""
    return {query_key(query.text) for query in queries}


def leave_out(
    queries: Iterable[Query], keys: set[str], reason: str
) -> tuple[list[Query], list[dict]]:
    """Leave out the queries that are used elsewhere.

    queries (Iterable[Query]): Queries.
    keys (set[str]): The `query_key` of each query that is used elsewhere.
    reason (str): The reason to give.
    RETURNS (tuple[list[Query], list[dict]]): The other queries, and the rejected ones.
    """
    kept, rejected = [], []
    for query in queries:
        if query_key(query.text) in keys:
            rejected.append({"file": query.id, "reason": reason, "content": query.text})
        else:
            kept.append(query)
    return kept, rejected


def settle(gold: Iterable[Query]) -> tuple[list[Query], list[dict], list[dict]]:
    """Reject gold that other gold contradicts.

    If the copies of a query (see `query_key`) differ in their entities, those that more than half
    of them agree on are kept, and without such a majority none.

    gold (Iterable[Query]): Queries with gold entities.
    RETURNS (tuple[list[Query], list[dict], list[dict]]): The kept queries, the rejected ones, and
        the contradictions: `text` of each query, how many `copies` there are, how many are `kept`.
    """
    gold = list(gold)
    copies: dict[str, list[Query]] = {}
    for query in gold:
        copies.setdefault(query_key(query.text), []).append(query)
    majorities: dict[str, tuple | None] = {}
    contradictions = []
    for key, queries in copies.items():
        (entities, count), *others = Counter(map(entities_key, queries)).most_common()
        majorities[key] = entities if 2 * count > len(queries) else None
        if others:
            n_kept = 0 if majorities[key] is None else count
            contradictions.append({"text": queries[0].text, "copies": len(queries), "kept": n_kept})
    kept, rejected = [], []
    for query in gold:
        key = query_key(query.text)
        if entities_key(query) == majorities[key]:
            kept.append(query)
        else:
            is_decided = majorities[key] is not None
            rejected.append(_reject_contradicted(query, len(copies[key]), is_decided))
    return kept, rejected, contradictions


def _reject_contradicted(query: Query, n_copies: int, is_decided: bool) -> dict:
    reason = f"most of the {n_copies} gold copies of this query have other entities: correct it"
    if not is_decided:
        reason = (
            f"the {n_copies} gold copies of this query have different entities, and no majority: "
            "correct them"
        )
    entities = [
        {"text": query.text[span.start : span.end], "label": span.label} for span in query.spans
    ]
    return {"file": query.id, "reason": reason, "content": query.text, "entities": entities}


def reject_lost(lost: Iterable[tuple[Query, Span]]) -> list[dict]:
    """RETURNS (list[dict]): A rejection for each annotator's span that gold does not contain."""
    return [
        {
            "file": query.id,
            "reason": f"the gold text does not contain '{query.text[span.start : span.end]}'",
            "content": query.text,
        }
        for query, span in lost
    ]


def to_supplement(query: Query, make_doc: Callable[[str], Doc]) -> Doc:
    """RETURNS (Doc): The Doc of a query that is only trained on (see `WeightedCorpus`)."""
    doc = to_doc(query, make_doc)
    doc.user_data[SUPPLEMENT] = True
    return doc


def _read_all(
    files: Mapping[str, Iterable[Path]],
    choice: LabelChoice,
    partial: Collection[Path],
    make_doc: Callable[[str], Doc],
) -> tuple[dict[str, dict[str, Reading]], list[dict]]:
    """RETURNS (tuple[dict[str, dict[str, Reading]], list[dict]]): What was read, by kind and path,
    with the chosen labels; and the spans whose label is not trained."""
    readings: dict[str, dict[str, Reading]] = {}
    unknown: list[dict] = []
    for kind, paths in files.items():
        readings[kind] = {}
        for path in paths:
            if kind == "csv":
                reading = read_csv(path, make_doc)
            else:
                reading = (read if kind.endswith("data") else read_gold)(path, make_doc)
            queries = []
            n_dropped = 0
            for query in reading.queries:
                changed, dropped, of_query = relabel(query, choice)
                n_dropped += len(dropped)
                unknown += [_reject_label(query, span) for span in of_query]
                queries.append(replace(changed, complete=query.complete and path not in partial))
            readings[kind][str(path)] = replace(reading, queries=queries)
            if n_dropped:
                reading.counts["spans_of_dropped_labels"] = n_dropped
    return readings, unknown


def _reject_label(query: Query, span: Span) -> dict:
    name = query.text[span.start : span.end]
    reason = f"'{name}' has the label {span.label}, which vars.labels does not name: add or map it"
    return {"file": query.id, "reason": reason, "content": query.text}


def convert(
    csv: Sequence[Path],
    bio: Sequence[Path],
    train_bio: Sequence[Path],
    test_bio: Sequence[Path],
    seed: int,
    make_doc: Callable[[str], Doc],
    data: Sequence[Path] = (),
    train_data: Sequence[Path] = (),
    test_data: Sequence[Path] = (),
    labels: str = "",
    partial: Collection[Path] = (),
) -> tuple[dict[str, list[Doc]], dict, list[dict]]:
    """Read, join and split annotated queries.

    csv (Sequence[Path]): Annotators' spans (see `read_csv`).
    bio (Sequence[Path]): Gold entities (see `read_gold`).
    train_bio (Sequence[Path]): Gold entities of queries that are only trained on.
    test_bio (Sequence[Path]): Gold entities of a fixed test set; if it and `test_data` are empty, a
        split is made.
    seed (int): Seed of the split.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    data (Sequence[Path]): Queries in any format (see `formats.read`). What most of the annotators
        of a query say is gold.
    train_data (Sequence[Path]): Such queries that are only trained on.
    test_data (Sequence[Path]): Such queries of a fixed test set.
    labels (str): Which labels are trained, and how they are renamed (see `parse_labels`).
    partial (Collection[Path]): Those of the files in which not all entities are marked, such as
        those of a label; what is outside their spans becomes missing.
    RETURNS (tuple[dict[str, list[Doc]], dict, list[dict]]): The docs of each split, the summary,
        and what was rejected.
    RAISES (ValueError): If the labels are not of their form.
    RAISES (UnreadableFileError): If a file cannot be read.
    """
    files = {"csv": csv, "bio": bio, "train_bio": train_bio, "test_bio": test_bio}
    files |= {"data": data, "train_data": train_data, "test_data": test_data}
    readings, of_other_labels = _read_all(files, parse_labels(labels), partial, make_doc)
    queries_of = {
        kind: [query for reading in of_kind.values() for query in reading.queries]
        for kind, of_kind in readings.items()
    }
    several: list[list[Query]] = []
    for kind in ("data", "train_data", "test_data"):
        of_kind, annotated, beside = split_off(queries_of[kind])
        combined, with_several = combine(annotated)
        several += with_several
        queries_of[kind] = [*of_kind, *combined]
        queries_of["csv"] += beside
    given_gold, given_test, given_supplement = (
        [*queries_of[f"{kind}bio"], *queries_of[f"{kind}data"]] for kind in ("", "test_", "train_")
    )

    gold, in_test = leave_out(given_gold, keys_of(given_test), "the test set contains this query")
    gold_keys = keys_of([*gold, *given_test])
    supplement, in_others = leave_out(
        given_supplement,
        gold_keys | keys_of(queries_of["csv"]),
        "another file contains this query, and may need it for dev or test",
    )
    settled = [settle(queries) for queries in (gold, given_test, supplement)]
    gold, test, supplement = (kept for kept, _, _ in settled)
    annotated, undecided = leave_out(
        queries_of["csv"],
        gold_keys - keys_of([*gold, *test]),
        "the gold copies of this query have different entities",
    )
    joined, others, lost = join([*gold, *test], annotated)
    gold, test = joined[: len(gold)], joined[len(gold) :]
    rejected = [
        *(
            item
            for of_kind in readings.values()
            for reading in of_kind.values()
            for item in reading.rejected
        ),
        *of_other_labels,
        *in_test,
        *(item for _, contradicted, _ in settled for item in contradicted),
        *undecided,
        *reject_lost(lost),
        *in_others,
    ]

    queries = split([*gold, *others], test, seed)
    docs = {name: [to_doc(query, make_doc) for query in queries[name]] for name in SPLITS}
    docs["train"] += [to_supplement(query, make_doc) for query in supplement]
    gold_keys = keys_of(joined)
    found = labels_of(doc for of_split in docs.values() for doc in of_split)
    summary = {
        "seed": seed,
        "labels": found,
        **{
            kind: {path: dict(reading.counts) for path, reading in of_kind.items()}
            for kind, of_kind in readings.items()
        },
        "joined_queries": sum(query_key(query.text) in gold_keys for query in queries_of["csv"]),
        "queries_without_gold": len(others),
        "supplement": len(supplement),
        "not_joined": [{"id": q.id, "text": q.text} for q in others] if joined else [],
        "spans_not_placed": len(lost),
        "left_out_for_the_test_set": len(in_test),
        "spans_of_other_labels": len(of_other_labels),
        "contradictions": [row for _, _, contradictions in settled for row in contradictions],
        "agreement": agreement(joined),
        "agreement_of_pairs": pair_agreement(several),
        "splits": {name: describe(docs[name], found) for name in SPLITS},
    }
    return docs, summary, rejected


def to_docbin(docs: Sequence[Doc]) -> DocBin:
    """Collect docs in a DocBin, with their user data.

    docs (Sequence[Doc]): The docs.
    RETURNS (DocBin): The docs; those without annotators' spans are read three times as fast as
        from spaCy's own DocBin.
    """
    docbin = DocBin(docs=docs, store_user_data=True)
    # DocBin stores empty groups of spans, and msgpack takes most of the time to read them.
    docbin.span_groups = [
        groups if doc.spans else b"" for doc, groups in zip(docs, docbin.span_groups, strict=True)
    ]
    return docbin
