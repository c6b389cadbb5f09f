"""Make corpora of annotated queries: join annotators with gold, split into train, dev and test."""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from seqeval.metrics import f1_score
from spacy.tokens import Doc

from music_ner.data.bio import read_bio
from music_ner.data.offsets_csv import read_csv
from music_ner.data.query import SUPPLEMENT, Query, Span, to_doc, word_tags
from music_ner.data.reading import Reading
from music_ner.data.writings import place, query_key
from music_ner.pipeline.labels import LABELS

TEST_SHARE = 0.1
DEV_SHARE = 0.1
SPLITS = ("train", "dev", "test")


def join(
    gold: Iterable[Query], annotated: Iterable[Query]
) -> tuple[list[Query], list[Query], list[tuple[Query, Span]]]:
    """Put the annotators' spans beside the gold entities of the same query.

    Queries are the same if their `query_key` is. Gold decides what the entities are; where there
    is none, the annotator who is named first does.

    gold (Iterable[Query]): Queries with gold entities.
    annotated (Iterable[Query]): Queries with annotators' spans.
    RETURNS (tuple[list[Query], list[Query], list[tuple[Query, Span]]]): The gold queries, the
        queries that only annotators speak of, and the spans that could not be placed on gold.
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
        for writing in writings.get(query_key(query.text), ()):
            placed, unplaced = place(writing, query)
            layer.extend(placed)
            lost.extend((writing, span) for span in unplaced)
        return replace(query, annotations=tuple(sorted(layer)))

    gold, others = [with_layer(query) for query in gold], [with_layer(query) for query in others]
    return gold, others, list(dict.fromkeys(lost))


def agreement(gold: Iterable[Query]) -> dict[str, dict[str, float]]:
    """Score each annotator against gold, on the queries that both speak of.

    gold (Iterable[Query]): Gold queries with the annotators' spans beside them.
    RETURNS (dict[str, dict[str, float]]): By annotator, the number of queries and seqeval's F1
        over whitespace words. An ambiguous span agrees with no gold entity.
    """
    tags: dict[str, tuple[list, list]] = {}
    for query in gold:
        for annotator in sorted({span.annotator for span in query.annotations}):
            spans = [span for span in query.annotations if span.annotator == annotator]
            truth, marked = tags.setdefault(annotator, ([], []))
            truth.append(word_tags(query.text, [span[:3] for span in query.spans]))
            marked.append(word_tags(query.text, [span[:3] for span in spans]))
    return {
        annotator: {"queries": len(truth), "f1": float(f1_score(truth, marked, zero_division=0))}
        for annotator, (truth, marked) in tags.items()
    }


def hold_out(queries: list[Query], share: float, seed: int) -> tuple[list[Query], list[Query]]:
    """Split queries in two, stratified by the labels that they hold.

    A systematic sample: the queries are shuffled, ordered by their labels, and taken at even
    distances. Writings of one query (see `query_key`) stay together.

    queries (list[Query]): What to split.
    share (float): The share to hold out, of the distinct queries, rounded up.
    seed (int): Seed of the shuffling.
    RETURNS (tuple[list[Query], list[Query]]): What stays and what is held out, in their order.
    """
    strata: dict[str, str] = {}
    for query in queries:
        labels = " ".join(sorted({span.label for span in query.spans}))
        strata.setdefault(query_key(query.text), labels)
    keys = random.Random(seed).sample(sorted(strata), len(strata))
    keys.sort(key=strata.__getitem__)
    count = math.ceil(share * len(keys))
    held_out = {keys[int((i + 0.5) * len(keys) / count)] for i in range(count)}
    kept = [query for query in queries if query_key(query.text) not in held_out]
    return kept, [query for query in queries if query_key(query.text) in held_out]


def split(
    gold: list[Query], others: list[Query], test: list[Query], seed: int
) -> dict[str, list[Query]]:
    """Split queries into train, dev and test.

    Where there is gold, dev and test are cut from it alone: the rest is one annotator's opinion,
    and goes to train.

    gold (list[Query]): Queries with gold entities.
    others (list[Query]): Queries that only annotators speak of.
    test (list[Query]): A fixed test set; empty: a tenth is cut from the others.
    seed (int): Seed of the split.
    RETURNS (dict[str, list[Query]]): The queries of each split.
    """
    pool, rest = (gold, others) if gold else (others, [])
    if not test:
        pool, test = hold_out(pool, TEST_SHARE, seed)
    pool, dev = hold_out(pool, DEV_SHARE, seed)
    return {"train": pool + rest, "dev": dev, "test": test}


def describe(docs: Iterable[Doc]) -> dict:
    """Count what a split holds: queries, those with and without entities, spans, tokens."""
    docs = list(docs)
    spans = Counter(ent.label_ for doc in docs for ent in doc.ents)
    with_entities = sum(bool(doc.ents) for doc in docs)
    return {
        "queries": len(docs),
        "with_entities": with_entities,
        "without_entities": len(docs) - with_entities,
        **{label: spans[label] for label in LABELS},
        "tokens": sum(len(doc) for doc in docs),
        "missing_tokens": sum(token.ent_iob == 0 for doc in docs for token in doc),
    }


def leave_out(
    readings: Iterable[Reading], keys: set[str], reason: str
) -> tuple[list[Query], list[dict]]:
    """Leave out the queries that stand elsewhere.

    readings (Iterable[Reading]): What was read from some files.
    keys (set[str]): The `query_key` of each query that stands elsewhere.
    reason (str): Why these are left out.
    RETURNS (tuple[list[Query], list[dict]]): The other queries, and what was rejected.
    """
    queries = [query for reading in readings for query in reading.queries]
    kept = [query for query in queries if query_key(query.text) not in keys]
    rejected = [
        {"file": query.id, "reason": reason, "content": query.text}
        for query in queries
        if query_key(query.text) in keys
    ]
    return kept, rejected


def convert(
    csv: list[Path],
    bio: list[Path],
    train_bio: list[Path],
    test_bio: list[Path],
    seed: int,
    make_doc: Callable[[str], Doc],
) -> tuple[dict[str, list[Doc]], dict, list[dict]]:
    """Read, join and split annotated queries.

    csv (list[Path]): Annotators' spans (see `read_csv`).
    bio (list[Path]): Gold entities (see `read_bio`).
    train_bio (list[Path]): Gold entities of queries that go to train alone.
    test_bio (list[Path]): Gold entities of a fixed test set; empty: a split is made.
    seed (int): Seed of the split.
    make_doc (Callable[[str], Doc]): The pipeline's tokenizer.
    RETURNS (tuple[dict[str, list[Doc]], dict, list[dict]]): The docs of each split, the summary,
        and what was rejected.
    """
    csv_readings = {str(path): read_csv(path, make_doc) for path in csv}
    bio_readings = {str(path): read_bio(path) for path in bio}
    test_readings = {str(path): read_bio(path) for path in test_bio}
    train_readings = {str(path): read_bio(path) for path in train_bio}
    readings: list[Reading] = [
        *csv_readings.values(),
        *bio_readings.values(),
        *train_readings.values(),
        *test_readings.values(),
    ]
    rejected = [item for reading in readings for item in reading.rejected]

    test_gold = [query for reading in test_readings.values() for query in reading.queries]
    test_keys = {query_key(query.text) for query in test_gold}
    reason = "the test set holds this query, so it is not trained on"
    gold, in_test = leave_out(bio_readings.values(), test_keys, reason)
    rejected += in_test

    annotated = [query for reading in csv_readings.values() for query in reading.queries]
    joined, others, lost = join([*gold, *test_gold], annotated)
    for query, span in lost:
        marked = query.text[span.start : span.end]
        reason = f"the gold text of this query does not hold '{marked}'"
        rejected.append({"file": query.id, "reason": reason, "content": query.text})
    pool, test = joined[: len(gold)], joined[len(gold) :]
    queries = split(pool, others, test, seed)
    elsewhere = {query_key(query.text) for query in (*joined, *others)}
    reason = "another file holds this query, and may need it for dev or test"
    more, in_others = leave_out(train_readings.values(), elsewhere, reason)
    rejected += in_others

    docs = {name: [to_doc(query, make_doc) for query in queries[name]] for name in SPLITS}
    supplement = [to_doc(query, make_doc) for query in more]
    for doc in supplement:
        doc.user_data[SUPPLEMENT] = True
    docs["train"] += supplement
    gold_keys = {query_key(query.text) for query in joined}
    summary = {
        "seed": seed,
        "csv": {path: dict(reading.counts) for path, reading in csv_readings.items()},
        "bio": {path: dict(reading.counts) for path, reading in bio_readings.items()},
        "train_bio": {path: dict(reading.counts) for path, reading in train_readings.items()},
        "test_bio": {path: dict(reading.counts) for path, reading in test_readings.items()},
        "joined_queries": sum(query_key(query.text) in gold_keys for query in annotated),
        "queries_without_gold": len(others),
        "supplement": len(supplement),
        "not_joined": [{"id": q.id, "text": q.text} for q in others] if joined else [],
        "spans_not_placed": len(lost),
        "left_out_for_the_test_set": len(in_test),
        "agreement": agreement(joined),
        "splits": {name: describe(docs[name]) for name in SPLITS},
    }
    return docs, summary, rejected
