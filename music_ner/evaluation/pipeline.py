"""Score a pipeline on gold docs."""

from collections.abc import Iterable
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from music_ner.evaluation.reliability import score_entities
from music_ner.evaluation.scores import comparable_tags, confident_spans, entity_spans, scores
from music_ner.pipeline.labels import LABELS

ALL = "all"


def evaluate(nlp: Language, gold: Iterable[Doc], seed: int) -> dict[str, Any]:
    """Score a pipeline on gold docs.

    nlp (Language): The trained pipeline; it reads only the docs' texts.
    gold (Iterable[Doc]): Docs with gold entities.
    seed (int): Seed of the bootstrap.
    RETURNS (dict[str, Any]): The scores by whitespace word (see `scores`), spaCy's own by
        token under `spacy`, and those of the confidences (see `score_entities`) under `confidence`,
        by label and for all.
    """
    gold = list(gold)
    predicted = list(nlp.pipe(doc.text for doc in gold))
    pairs = list(zip(gold, predicted, strict=True))
    tags = [comparable_tags(g, entity_spans(p)) for g, p in pairs]
    gold_tags, predicted_tags = zip(*tags, strict=True)
    examples = [Example(p, g) for g, p in pairs]
    found = [confident_spans(doc) for doc in predicted]
    groups = {ALL: LABELS, **{label: (label,) for label in LABELS}}
    return {
        **scores(gold_tags, predicted_tags, seed),
        "spacy": Scorer(nlp).score(examples),
        "confidence": {
            name: score_entities(gold, found, labels) for name, labels in groups.items()
        },
    }
