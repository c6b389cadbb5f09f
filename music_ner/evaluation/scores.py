"""Scores of predicted entities, by whitespace word, so that they compare with the literature."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
from scipy.stats import bootstrap
from seqeval.metrics import accuracy_score, classification_report
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2
from spacy.tokens import Doc

from music_ner.data.query import word_offsets, word_tags

Tags = Sequence[Sequence[str]]
EntitySpan = tuple[int, int, str]
ConfidentSpan = tuple[int, int, str, float]
ERRORS = ("right", "boundary", "label", "boundary and label", "missed", "spurious")


def entity_spans(doc: Doc) -> list[EntitySpan]:
    """RETURNS (list[EntitySpan]): Start offset, end offset and label of each entity."""
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def confident_spans(doc: Doc) -> list[ConfidentSpan]:
    """RETURNS (list[ConfidentSpan]): Start offset, end offset, label and confidence of each entity
    that has one."""
    return [
        (ent.start_char, ent.end_char, ent.label_, ent._.confidence)
        for ent in doc.ents
        if ent._.confidence is not None
    ]


def comparable_tags(gold: Doc, predicted: Iterable[EntitySpan]) -> tuple[list[str], list[str]]:
    """Tag the words of a query by gold and by prediction.

    Words with a missing gold tag are left out, and so are predicted entities that touch one: they
    are neither right nor wrong, as in `spacy.scorer.get_ner_prf`. A word that a gold entity covers
    in part belongs to the entity.

    gold (Doc): The query with its gold entities.
    predicted (Iterable[EntitySpan]): Start offset, end offset and label of predicted entities.
    RETURNS (tuple[list[str], list[str]]): Gold and predicted BIO tag of each word.
    """
    unknown = spans_with_missing_tag(gold)
    known = [word not in unknown for word in word_offsets(gold.text)]
    judged = [span for span in predicted if not _touches(span, unknown)]
    gold_tags, predicted_tags = (
        list(compress(word_tags(gold.text, spans), known)) for spans in (entity_spans(gold), judged)
    )
    return gold_tags, predicted_tags


def are_right(gold: Doc, predicted: Iterable[EntitySpan]) -> list[bool | None]:
    """Judge predicted entities: one is right if it touches the same words as a gold entity.

    Of several in the same words, only the first is right.

    gold (Doc): The query with its gold entities.
    predicted (Iterable[EntitySpan]): Start offset, end offset and label of predicted entities.
    RETURNS (list[bool | None]): Whether each is right; None if it touches words with a missing tag.
    """
    unknown, words = spans_with_missing_tag(gold), word_offsets(gold.text)

    def words_of(span: EntitySpan) -> tuple:
        return tuple(word for word in words if _touches(word, [span])), span[2]

    unclaimed = {words_of(span) for span in entity_spans(gold)}
    right: list[bool | None] = []
    for span in predicted:
        right.append(None if _touches(span, unknown) else words_of(span) in unclaimed)
        unclaimed.discard(words_of(span))
    return right


def spans_with_missing_tag(gold: Doc) -> list[tuple[int, int]]:
    """RETURNS (list[tuple[int, int]]): Start and end offset of each word whose gold tag is
    missing."""
    gold_spans = entity_spans(gold)
    missing = [(t.idx, t.idx + len(t)) for t in gold if t.ent_iob == 0 and not t.is_space]
    return [
        word
        for word in word_offsets(gold.text)
        if _touches(word, missing) and not _touches(word, gold_spans)
    ]


def _touches(span: Sequence, others: Iterable[Sequence]) -> bool:
    return any(span[0] < other[1] and other[0] < span[1] for other in others)


def span_f1(gold: Tags, predicted: Tags) -> float:
    """RETURNS (float): seqeval's micro F1; 0.0 if neither side has an entity."""
    return report(gold, predicted)["micro avg"]["f1-score"]


def report(gold: Tags, predicted: Tags, **options) -> dict[str, dict[str, float]]:
    """Make seqeval's report.

    gold (Tags): Gold tags of each query.
    predicted (Tags): Predicted tags of each query.
    **options: `mode` and `scheme` of seqeval.
    RETURNS (dict[str, dict[str, float]]): precision, recall, f1-score and support, by label and
        for "micro avg", "macro avg" and "weighted avg".
    """
    if not any(get_entities(list(tags)) for tags in gold):
        nothing = {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 0}
        return dict.fromkeys(("micro avg", "macro avg", "weighted avg"), nothing)
    scores = classification_report(gold, predicted, output_dict=True, zero_division=0, **options)
    return {
        label: {name: float(row[name]) for name in ("precision", "recall", "f1-score")}
        | {"support": int(row["support"])}
        for label, row in scores.items()
    }


def f1_interval(gold: Tags, predicted: Tags, seed: int, resamples: int = 1000) -> list[float]:
    """Estimate how much micro F1 varies with other queries of the same kind.

    gold (Tags): Gold tags of each query.
    predicted (Tags): Predicted tags of each query.
    seed (int): Seed of the resampling.
    resamples (int): How many samples of the queries are drawn, with replacement.
    RETURNS (list[float]): The 95 % percentile bootstrap interval.
    """
    counts = []
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        truth, found = set(get_entities(list(gold_tags))), set(get_entities(list(predicted_tags)))
        counts.append((len(truth & found), len(truth) + len(found)))
    right, total = np.array(counts).T
    if len(counts) < 2:
        return [0.0, 1.0]

    def micro_f1(right, total, axis):
        return 2 * right.sum(axis=axis) / np.maximum(total.sum(axis=axis), 1)

    interval = bootstrap(
        (right, total),
        micro_f1,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [float(interval.low), float(interval.high)]


def errors(gold: Tags, predicted: Tags) -> dict[str, dict[str, int]]:
    """Count entities by kind of error.

    A gold entity is right; or it overlaps a predicted one with another `boundary`, another `label`,
    or both; or it is `missed`. A predicted entity that overlaps no gold one is `spurious`.

    gold (Tags): Gold tags of each query.
    predicted (Tags): Predicted tags of each query.
    RETURNS (dict[str, dict[str, int]]): For each label (of gold; of the prediction where spurious),
        how many there are of each of ERRORS.
    """
    counts: dict[str, Counter] = {}
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        truth, found = get_entities(list(gold_tags)), get_entities(list(predicted_tags))
        for label, start, end in truth:
            overlapping = [e for e in found if e[1] <= end and start <= e[2]]
            counts.setdefault(label, Counter())[
                kind_of_error((label, start, end), overlapping)
            ] += 1
        for label, start, end in found:
            if not any(e[1] <= end and start <= e[2] for e in truth):
                counts.setdefault(label, Counter())["spurious"] += 1
    return {label: {kind: counts[label][kind] for kind in ERRORS} for label in sorted(counts)}


def kind_of_error(entity: tuple[str, int, int], overlapping: Sequence[tuple[str, int, int]]) -> str:
    """Say how an entity compares to those on the other side.

    entity (tuple[str, int, int]): Label, first and last word of a gold entity.
    overlapping (Sequence[tuple[str, int, int]]): The predicted entities that share a word with it.
    RETURNS (str): One of ERRORS (see `errors`).
    """
    if not overlapping:
        return "missed"
    if entity in overlapping:
        return "right"
    if any(found[1:] == entity[1:] for found in overlapping):
        return "label"
    if any(found[0] == entity[0] for found in overlapping):
        return "boundary"
    return "boundary and label"


def scores(gold: Tags, predicted: Tags, seed: int) -> dict:
    """Score predictions at the level of whitespace words.

    gold (Tags): Gold tags of each query.
    predicted (Tags): Predicted tags of each query.
    seed (int): Seed of the bootstrap.
    RETURNS (dict): seqeval's `default` and `strict` (IOB2) reports, `token_accuracy`, the micro
        F1's `f1_interval`, and `errors` by kind.
    """
    return {
        "queries": len(gold),
        "default": report(gold, predicted),
        "strict": report(gold, predicted, mode="strict", scheme=IOB2),
        "token_accuracy": float(accuracy_score(gold, predicted)) if any(gold) else 0.0,
        "f1_interval": f1_interval(gold, predicted, seed),
        "errors": errors(gold, predicted),
    }
