"""Which requests are worth annotating next."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spacy.language import Language
from spacy.util import minibatch

from music_ner.data.writings import query_key
from music_ner.pipeline.marginal_ner import MarginalEntityRecognizer, ScoredSpan, without_overlap

NEGLIGIBLE = 0.01
"""Probability of spans that are left out of sums."""
BATCH = 64
SIMILAR = 0.7
"""Share of the words of two texts that both hold, from which they are near duplicates."""


class Candidate(NamedTuple):
    """A request that may be annotated.

    number (int): Its place among all.
    text (str): The request.
    kind (tuple[str, ...]): The labels found in it.
    expected_f1 (float): See `expected_f1`.
    """

    number: int
    text: str
    kind: tuple[str, ...]
    expected_f1: float


def expected_f1(spans: Sequence[ScoredSpan], threshold: float) -> float:
    """Estimate how right the ner is on a request.

    The F1 of the entities found is about twice the sum of their probabilities, divided by their
    number plus the expected number of entities. Where none is found it is the probability that
    there is none, as if the spans were independent.

    spans (Sequence[ScoredSpan]): The spans with a probability that is not negligible.
    threshold (float): Probability that a span must exceed to be found.
    RETURNS (float): From 0 to 1.

    >>> expected_f1([ScoredSpan(0, 1, "Artist", 0.5)], threshold=0.35)
    0.6666666666666666
    """
    found = without_overlap([span for span in spans if span.probability > threshold])
    if not found:
        return math.prod(1 - min(span.probability, 1.0) for span in spans)
    expected = sum(span.probability for span in spans)
    return min(2 * sum(span.probability for span in found) / (len(found) + expected), 1.0)


def candidates(nlp: Language, texts: Iterable[str]) -> list[Candidate]:
    """Estimate how right a pipeline is on each request.

    nlp (Language): A pipeline with a `marginal_ner` called `ner`.
    texts (Iterable[str]): The requests.
    RETURNS (list[Candidate]): Each of them, in order.
    RAISES (ValueError): If the pipeline has no such component.
    """
    ner = nlp.get_pipe("ner") if nlp.has_pipe("ner") else None
    if not isinstance(ner, MarginalEntityRecognizer) or ner.threshold is None:
        raise ValueError("the pipeline has no marginal_ner with a threshold: train one")
    names = nlp.pipe_names
    found: list[Candidate] = []
    with nlp.select_pipes(disable=names[names.index("ner") :]):
        for batch in minibatch(texts, BATCH):
            docs = list(nlp.pipe(batch))
            for doc, spans in zip(docs, ner.score_spans(docs, NEGLIGIBLE), strict=True):
                labels = {span.label for span in spans if span.probability > ner.threshold}
                f1 = expected_f1(spans, ner.threshold)
                found.append(Candidate(len(found), doc.text, tuple(sorted(labels)), f1))
    return found


def choose(
    pool: Sequence[Candidate], n: int, random_share: float, seed: int
) -> list[tuple[Candidate, bool]]:
    """Choose requests to annotate.

    A share is drawn at random, so that scores on it estimate those on all. The others are those
    with the lowest expected F1, from each kind as many as its share of the pool. Of requests that
    are nearly the same, only the first chosen is taken.

    pool (Sequence[Candidate]): The requests.
    n (int): How many to choose; fewer are chosen if there are no more.
    random_share (float): The share to draw at random, from 0 to 1.
    seed (int): Seed of the drawing.
    RETURNS (list[tuple[Candidate, bool]]): Those chosen, each with whether it was drawn at random.
    """
    chosen: list[tuple[Candidate, bool]] = []
    seen: dict[str, list[set[str]]] = {}
    keys: set[str] = set()

    def take(candidate: Candidate, at_random: bool) -> bool:
        words = {*candidate.text.lower().split()}
        key = query_key(candidate.text)
        others = [other for word in words for other in seen.get(word, ())]
        is_near = any(len(words & o) >= SIMILAR * len(words | o) for o in others)
        if not words or key in keys or is_near:
            return False
        keys.add(key)
        for word in words:
            seen.setdefault(word, []).append(words)
        chosen.append((candidate, at_random))
        return True

    shuffled = random.Random(seed).sample(list(pool), len(pool))
    n_random = round(random_share * n)
    for candidate in shuffled:
        if len(chosen) == n_random:
            break
        take(candidate, True)
    drawn = {candidate.number for candidate, _ in chosen}
    doubtful = sorted(
        (candidate for candidate in shuffled if candidate.number not in drawn),
        key=lambda candidate: candidate.expected_f1,
    )
    shares = Counter(candidate.kind for candidate in pool)
    quotas = {kind: (n - len(chosen)) * count / len(pool) for kind, count in shares.items()}
    taken: Counter = Counter()
    later = []
    for candidate in doubtful:
        if len(chosen) < n and taken[candidate.kind] < quotas[candidate.kind]:
            taken[candidate.kind] += take(candidate, False)
        else:
            later.append(candidate)
    for candidate in later:  # what rounding and near duplicates left
        if len(chosen) >= n:
            break
        take(candidate, False)
    return chosen
