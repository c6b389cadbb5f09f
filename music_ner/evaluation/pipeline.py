"""Score a pipeline on gold docs."""

from collections.abc import Iterable
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from music_ner.data.labels import in_order
from music_ner.data.query import source_of
from music_ner.evaluation.reliability import score_entities
from music_ner.evaluation.scores import (
    ConfidentSpan,
    Tags,
    comparable_tags,
    confident_spans,
    entity_spans,
    report,
    scores,
)
from music_ner.pipeline.labels import LABELS

ALL = "all"


def evaluate(nlp: Language, gold: Iterable[Doc], seed: int) -> dict[str, Any]:
    """Score a pipeline on gold docs.

    nlp (Language): The trained pipeline; it reads only the docs' texts.
    gold (Iterable[Doc]): Docs with gold entities.
    seed (int): Seed of the bootstrap.
    RETURNS (dict[str, Any]): The scores by whitespace word (see `scores`), spaCy's own by
        token under `spacy`, those of the confidences (see `score_entities`) under `confidence`,
        by label and for all, and the main figures of each source of queries under `sources` (see
        `of_source`).
    """
    gold = list(gold)
    return score(nlp, gold, list(nlp.pipe(doc.text for doc in gold)), seed)


def score(nlp: Language, gold: list[Doc], predicted: list[Doc], seed: int) -> dict[str, Any]:
    """Score what a pipeline predicts.

    nlp (Language): The pipeline.
    gold (list[Doc]): Docs with gold entities.
    predicted (list[Doc]): The same texts as the pipeline reads them.
    seed (int): Seed of the bootstrap.
    RETURNS (dict[str, Any]): See `evaluate`.
    """
    pairs = list(zip(gold, predicted, strict=True))
    tags = [comparable_tags(g, entity_spans(p)) for g, p in pairs]
    gold_tags, predicted_tags = zip(*tags, strict=True)
    examples = [Example(p, g) for g, p in pairs]
    found = [confident_spans(doc) for doc in predicted]
    sources: dict[str, list[int]] = {}
    for number, doc in enumerate(gold):
        sources.setdefault(source_of(doc.user_data.get("id", "")), []).append(number)
    labels = in_order([*LABELS, *(ent.label_ for doc in gold for ent in doc.ents)])
    groups = {ALL: None, **{label: (label,) for label in labels}}
    return {
        **scores(gold_tags, predicted_tags, seed),
        "spacy": Scorer(nlp).score(examples),
        "confidence": {
            name: score_entities(gold, found, labels) for name, labels in groups.items()
        },
        "sources": {
            source: of_source(
                *([rows[i] for i in numbers] for rows in (gold, found, gold_tags, predicted_tags))
            )
            for source, numbers in sorted(sources.items())
        },
    }


def of_source(
    gold: list[Doc], found: list[list[ConfidentSpan]], gold_tags: Tags, predicted_tags: Tags
) -> dict[str, Any]:
    """Score the queries of one source.

    gold (list[Doc]): Docs with gold entities.
    found (list[list[ConfidentSpan]]): The entities found in each, with their confidence.
    gold_tags (Tags): The gold tags of each.
    predicted_tags (Tags): The predicted tags of each.
    RETURNS (dict[str, Any]): The number of `queries` and of gold `entities`, `micro_f1` and
        `macro_f1`; `ece` and `auroc` of the confidences (see `reliability`), None where there are
        not enough entities.
    """
    scored = report(gold_tags, predicted_tags)
    confidence = score_entities(gold, found)
    return {
        "queries": len(gold),
        "entities": scored["micro avg"]["support"],
        "micro_f1": scored["micro avg"]["f1-score"],
        "macro_f1": scored["macro avg"]["f1-score"],
        "ece": confidence.get("ece"),
        "auroc": confidence.get("auroc"),
    }
