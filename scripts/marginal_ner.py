"""An entity recognizer that weighs every span; travels inside the packaged pipeline.

spaCy's `ner` takes the likeliest action at each token, and what it took it cannot take back. Here
the same trained model gives the probability of every span, summed over all ways to tag the words
before it, and the likeliest spans become entities.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from spacy.attrs import ENT_IOB, IS_SPACE, SENT_START
from spacy.language import Language
from spacy.ml.parser_model import ParserStepModel
from spacy.pipeline._parser_internals.transition_system import TransitionSystem
from spacy.pipeline.ner import DEFAULT_NER_MODEL, EntityRecognizer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab
from thinc.api import Model, NumpyOps

OPS = NumpyOps()
SPANS_KEY = "ents"
NEGLIGIBLE = 1e-5
NO_TOKEN = -1
STATE_TOKENS = 3
MISSING, OUTSIDE = 0, 2  # values of ENT_IOB


class ScoredSpan(NamedTuple):
    """A span that may be an entity.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its label.
    probability (float): That the span with this label is an entity.
    """

    start: int
    end: int
    label: str
    probability: float


class Actions:
    """Where the actions of each kind stand among the columns of the model's scores.

    moves (TransitionSystem): The actions.
    unseen (set[int]): Columns that the model has not learned; their labels are left out.
    """

    def __init__(self, moves: TransitionSystem, unseen: set[int]):
        columns = {moves.get_class_name(i): i for i in range(moves.n_moves)}
        unseen_labels = {moves.get_class_name(i)[2:] for i in unseen}
        labels = [name[2:] for name in columns if name.startswith("B-")]
        self.labels = [label for label in labels if label not in unseen_labels]
        self.out = columns["O"]
        self.begin, self.inside, self.last, self.unit = (
            [columns[f"{action}-{label}"] for label in self.labels] for action in "BILU"
        )


class Bounds(NamedTuple):
    """What the tokens of a batch allow; arrays with one value a token, and one more at the end.

    starts (np.ndarray): Whether an entity may start at the token.
    joins (np.ndarray): Whether an entity may go on from the token before.
    """

    starts: np.ndarray
    joins: np.ndarray


def bounds_of(docs: list[Doc]) -> Bounds:
    """Tell where entities may be, as spaCy's `ner` does.

    docs (list[Doc]): A batch. Tokens of entities that are set already, or blocked, are kept free,
        and no entity runs over the start of a sentence or begins with white space.
    """
    iob, sentence, space = np.concatenate(
        [doc.to_array([ENT_IOB, SENT_START, IS_SPACE]).reshape(-1, 3) for doc in docs]
    ).T.astype(np.int64)
    free = (iob == MISSING) | (iob == OUTSIDE)
    joins = free & (sentence != 1)
    joins[np.cumsum([0, *map(len, docs[:-1])])[[len(doc) > 0 for doc in docs]]] = False
    return Bounds(np.append(free & (space == 0), False), np.append(joins, False))


def score_states(model: ParserStepModel, states: np.ndarray) -> np.ndarray:
    """Score the actions in any states.

    model (ParserStepModel): The ner's model, with the vectors of a batch.
    states (np.ndarray): For each state the next token, the first of the entity that is open, and
        the last before the next; -1 for none. States x 3.
    RETURNS (np.ndarray): states x actions.
    """
    vectors = model.state2vec.predict(np.ascontiguousarray(states, dtype="i"))
    return vectors if model.vec2scores is None else model.vec2scores.predict(vectors)


class Weighed(NamedTuple):
    """Spans of one length.

    first (np.ndarray): The first token of each.
    built (np.ndarray): The probability of the actions that build it, by label, once its first token
        is reached with no entity open. Spans x labels.
    """

    first: np.ndarray
    built: np.ndarray


def build_spans(
    model: ParserStepModel, actions: Actions, bounds: Bounds
) -> tuple[np.ndarray, list[Weighed]]:
    """Give the probabilities of what may follow each token, if no entity is open there.

    model (ParserStepModel): The ner's model, with the vectors of a batch.
    actions (Actions): The columns of the model's scores.
    bounds (Bounds): What the tokens allow.
    RETURNS (tuple[np.ndarray, list[Weighed]]): The probability that each token is in no entity
        (tokens x 1), and the spans of one token, of two, and so on, but for the negligible ones.
    """
    starts, joins = bounds
    n_labels = len(actions.labels)
    tokens = np.arange(len(starts) - 1)
    no_token, always = np.full_like(tokens, NO_TOKEN), np.ones_like(starts[:-1])
    scores = score_states(model, np.array([tokens, no_token, no_token]).T)
    may_begin, may_be_unit = starts[:-1] & joins[1:], starts[:-1]
    valid = np.stack([always, *[may_begin] * n_labels, *[may_be_unit] * n_labels], axis=1)
    choices = scores[:, [actions.out, *actions.begin, *actions.unit]]
    chosen = OPS.softmax(np.where(valid, choices, -np.inf))
    outside, going_on, ended = np.split(chosen, [1, 1 + n_labels], axis=1)
    first = tokens
    by_length = [Weighed(first, ended)]
    while True:
        last = first + len(by_length)
        still_open = joins[last] & (going_on.max(axis=1, initial=0) > NEGLIGIBLE)
        if not still_open.any():
            return outside, by_length
        first, last, going_on = first[still_open], last[still_open], going_on[still_open]
        scores = score_states(model, np.array([last, first, last - 1]).T)
        goes_on = OPS.sigmoid(scores[:, actions.inside] - scores[:, actions.last])
        goes_on *= joins[last + 1, None]
        by_length.append(Weighed(first, going_on * (1 - goes_on)))
        going_on = going_on * goes_on


def reach(steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Give the probability of coming to each token of its doc with no entity open.

    steps (np.ndarray): Probability of going on from each token by 1, 2, ... tokens; 0 for steps
        over the end of the doc. Tokens of all docs x steps.
    lengths (np.ndarray): The number of tokens of each doc.
    RETURNS (np.ndarray): One value a token.
    """
    n_tokens, n_steps = steps.shape
    reached = np.zeros(n_tokens)
    longest_first = np.argsort(-lengths, kind="stable")
    first = (np.cumsum(lengths) - lengths)[longest_first]
    n_longer = np.searchsorted(-lengths[longest_first], -np.arange(lengths.max(initial=0)))
    reached[first[: n_longer[0]]] = 1.0
    # No step leads out of a doc but that to the first token of the next, which is reached anyway.
    taken = np.arange(1, n_steps + 1)
    before = (np.arange(n_tokens)[:, None] - taken) % n_tokens
    coming = steps[before, taken - 1]
    for offset, n_docs in enumerate(n_longer[1:], start=1):
        tokens = first[:n_docs] + offset
        reached[tokens] = (reached[before[tokens]] * coming[tokens]).sum(axis=1)
    return reached


def weigh_spans(
    model: ParserStepModel, actions: Actions, docs: list[Doc], threshold: float
) -> list[list[ScoredSpan]]:
    """Find the spans of a batch that are probable.

    A sequence of actions is as probable as the product of its actions, each of them among those
    that are valid. A span's probability is the sum over all sequences that hold it: that of coming
    to its first token with no entity open, times that of the actions that build it.

    model (ParserStepModel): The ner's model, with the vectors of the batch.
    actions (Actions): The columns of the model's scores.
    docs (list[Doc]): The batch, of one token or more.
    threshold (float): Probability that a span must exceed.
    RETURNS (list[list[ScoredSpan]]): The spans of each doc.
    """
    outside, by_length = build_spans(model, actions, bounds_of(docs))
    steps = np.zeros((len(outside), len(by_length)))
    for column, (first, built) in enumerate(by_length):
        steps[first, column] = built.sum(axis=1)
    steps[:, :1] += outside
    lengths = np.array([len(doc) for doc in docs])
    reached = reach(steps, lengths)
    doc_of, offsets = np.repeat(np.arange(len(docs)), lengths), np.cumsum([0, *lengths])
    found: list[list[ScoredSpan]] = [[] for _ in docs]
    for length, (first, built) in enumerate(by_length, start=1):
        # What single precision adds up to may lie a hair above 1.
        probability = np.minimum(reached[first, None] * built, 1.0)
        for row, column in np.argwhere(probability > threshold):
            number = doc_of[first[row]]
            start = int(first[row] - offsets[number])
            label = actions.labels[column]
            span = ScoredSpan(start, start + length, label, float(probability[row, column]))
            found[number].append(span)
    return found


def without_overlap(spans: list[ScoredSpan]) -> list[ScoredSpan]:
    """RETURNS (list[ScoredSpan]): Of spans that overlap the most probable, in order of text."""
    kept: list[ScoredSpan] = []
    for span in sorted(spans, key=lambda span: -span.probability):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


class MarginalEntityRecognizer(EntityRecognizer):
    """spaCy's `EntityRecognizer`, but for how it decides what an entity is.

    It is trained as the original. The entities that it finds, not those that were set before, are
    in `doc.spans["ents"]`, with their probabilities in the group's `attrs["scores"]`.

    threshold (float | None): Probability that an entity's must exceed, from 0 to 1. None: entities
        are what the original takes for them, without probabilities.
    The other arguments are those of the original.
    RAISES (ValueError): If the threshold lies outside, or the model has `extra_state_tokens`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "ner",
        moves: TransitionSystem | None = None,
        *,
        threshold: float | None,
        **settings,
    ):
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"{name}: set threshold to a probability, not to {threshold}")
        if model.get_ref("lower").get_dim("nF") != STATE_TOKENS:
            raise ValueError(f"{name}: set extra_state_tokens of the model to false")
        super().__init__(vocab, model, name, moves, **settings)
        self.threshold = threshold

    def predict(self, docs: list[Doc]) -> list:
        """Find the entities of docs.

        docs (list[Doc]): A batch.
        RETURNS (list[list[ScoredSpan]]): The entities of each, in order, none over another; without
            a threshold, spaCy's states.
        """
        if self.threshold is None:
            return super().predict(docs)
        if not any(len(doc) for doc in docs):
            return [[] for _ in docs]
        model = self.model.predict(docs)
        actions = Actions(self.moves, self.model.attrs["unseen_classes"])
        found = weigh_spans(model, actions, docs, self.threshold)
        model.clear_memory()
        return [without_overlap(spans) for spans in found]

    def set_annotations(self, docs: list[Doc], found: list) -> None:
        """Set the entities of docs.

        docs (list[Doc]): A batch. Entities that are set already stay.
        found (list): What `predict` gave.
        """
        if self.threshold is None:
            super().set_annotations(docs, found)
            return
        for doc, scored in zip(docs, found, strict=True):
            spans = [Span(doc, span.start, span.end, label=span.label) for span in scored]
            iob = doc.to_array(ENT_IOB)
            if iob.any():
                doc.set_ents(spans, default="unmodified")
                outside = [doc[i : i + 1] for i in np.flatnonzero(doc.to_array(ENT_IOB) == MISSING)]
                doc.set_ents([], outside=outside, default="unmodified")
            else:
                doc.set_ents(spans, default="outside")
            scores = np.array([span.probability for span in scored], dtype="f")
            doc.spans[SPANS_KEY] = SpanGroup(
                doc, name=SPANS_KEY, spans=spans, attrs={"scores": scores}
            )


def create_marginal_ner(
    nlp: Language,
    name: str,
    model: Model,
    moves: TransitionSystem | None,
    threshold: float | None,
    update_with_oracle_cut_size: int,
    incorrect_spans_key: str | None,
    scorer: Callable | None,
) -> MarginalEntityRecognizer:
    """Create an entity recognizer that weighs every span."""
    return MarginalEntityRecognizer(
        nlp.vocab,
        model,
        name,
        moves,
        threshold=threshold,
        update_with_oracle_cut_size=update_with_oracle_cut_size,
        incorrect_spans_key=incorrect_spans_key,
        scorer=scorer,
    )


# Each package that is made with this code brings it along, and spaCy takes a factory but once.
if not Language.has_factory("marginal_ner"):
    Language.factory(
        "marginal_ner",
        assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
        default_config={
            "moves": None,
            "threshold": 0.35,
            "update_with_oracle_cut_size": 100,
            "model": DEFAULT_NER_MODEL,
            "incorrect_spans_key": None,
            "scorer": {"@scorers": "spacy.ner_scorer.v1"},
        },
        default_score_weights={
            "ents_f": 1.0,
            "ents_p": 0.0,
            "ents_r": 0.0,
            "ents_per_type": None,
        },
    )(create_marginal_ner)
