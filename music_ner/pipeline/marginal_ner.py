"""The component `marginal_ner`: an entity recognizer that scores every span.

spaCy's `ner` takes the most likely action at each token and cannot revise it. Here the same trained
model gives the probability of every span, summed over all taggings of the words before it, and the
most likely spans become entities.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import ENT_IOB, IS_SPACE, SENT_START
from spacy.language import Language
from spacy.ml.parser_model import ParserStepModel
from spacy.pipeline._parser_internals.transition_system import TransitionSystem
from spacy.pipeline.ner import DEFAULT_NER_MODEL, EntityRecognizer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Model, NumpyOps

from music_ner.pipeline.labels import SPANS_KEY, add_colors
from music_ner.pipeline.normalization import SEPARATOR

OPS = NumpyOps()
NEGLIGIBLE = 1e-5
STARTS_AT_ONCE = 2048
"""Tokens whose spans are in memory at the same time."""
NO_TOKEN = -1
STATE_TOKENS = 3
LISTENER = "transformer-listener"
MISSING, OUTSIDE = 0, 2  # values of ENT_IOB
SEPARATORS = ",;:|/\\-–—•·.…"
NOT_FIRST = f"{SEPARATORS})]}}"
NOT_LAST = f"{SEPARATORS}([{{"
SYMBOL = "So"
"""Unicode's category of emoji and other pictures."""
ELLIPSES = ("...", "…")
"""They may begin a title, as in `...And Justice for All`."""


class Edges(NamedTuple):
    """What a token may be in an entity.

    first (bool): Whether it may be the first token: it is not a separator, a closing bracket or an
        emoji.
    last (bool): Whether it may be the last one: it is not a separator, an opening bracket or an
        emoji.
    word (bool): Whether it has a letter or a digit. An entity has one.
    """

    first: bool
    last: bool
    word: bool


@lru_cache(maxsize=2**16)
def edges_of(token: str) -> Edges:
    """RETURNS (Edges): What a token of this text may be in an entity.

    >>> edges_of("-"), edges_of("!")
    (Edges(first=False, last=False, word=False), Edges(first=True, last=True, word=False))
    """
    is_word = any(map(str.isalnum, token))
    if not is_word and any(unicodedata.category(character) == SYMBOL for character in token):
        return Edges(first=False, last=False, word=False)
    return Edges(
        first=token in ELLIPSES or any(character not in NOT_FIRST for character in token),
        last=any(character not in NOT_LAST for character in token),
        word=is_word,
    )


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
    """The columns of the model's scores, by kind of action.

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


class Tokens(NamedTuple):
    """The tokens of a batch that are read: all except white space, which training does not have.

    index (np.ndarray): The position of each among all tokens of the batch, and `NO_TOKEN`.
    offsets (np.ndarray): The position of each in its doc.
    docs (np.ndarray): The number of the doc of each.
    begins_doc (np.ndarray): Whether each is the first of its doc.
    starts (np.ndarray): Whether an entity may start at each, and False.
    joins (np.ndarray): Whether an entity may continue from the previous one, and False.
    ends (np.ndarray): Whether an entity may end after each.
    last_ends (np.ndarray): The last token after which an entity that covers each may end, -1 if
        there is none.
    words (np.ndarray): The number of tokens with a letter or a digit before each, and in all.
    """

    index: np.ndarray
    offsets: np.ndarray
    docs: np.ndarray
    begins_doc: np.ndarray
    starts: np.ndarray
    joins: np.ndarray
    ends: np.ndarray
    last_ends: np.ndarray
    words: np.ndarray

    def can_end(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """RETURNS (np.ndarray): Whether entities from one token to another may end there."""
        return self.ends[last] & (self.words[last + 1] > self.words[first])

    def can_end_later(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """RETURNS (np.ndarray): Whether entities from one token to another may end after it."""
        end = self.last_ends[first]
        return (end > last) & (self.words[end + 1] > self.words[first])


def tokens_of(docs: list[Doc]) -> Tokens:
    """Find the tokens to read, and where entities may be, as spaCy's `ner` does.

    docs (list[Doc]): A batch. Tokens of entities that are already set, or blocked, are left out of
        entities, and no entity crosses the start of a sentence, or a `|`. Other separators are not
        at an entity's edges (see `edges_of`), although gold may have them there: users want the
        bare name.
    RETURNS (Tokens): The tokens.
    """
    iob, sentence, space = np.concatenate(
        [doc.to_array([ENT_IOB, SENT_START, IS_SPACE]).reshape(-1, 3) for doc in docs]
    ).T.astype(np.int64)
    n_tokens = np.array([len(doc) for doc in docs])
    first_tokens = (n_tokens.cumsum() - n_tokens)[n_tokens > 0]
    separates = np.array([SEPARATOR in token.text for doc in docs for token in doc], dtype=bool)
    free = ((iob == MISSING) | (iob == OUTSIDE)) & ~separates
    joins = free & (sentence != 1)
    joins[first_tokens] = False
    index = np.flatnonzero(space == 0)
    # An entity continues over white space only if it may continue over each of its tokens.
    barriers = np.cumsum(~joins)[index]
    doc_numbers = np.repeat(np.arange(len(docs)), n_tokens)[index]
    edges = [edges_of(token.text) for doc in docs for token in doc if not token.is_space]
    first, last, word = np.array(edges, dtype=bool).reshape(-1, len(Edges._fields)).T
    continues = np.diff(barriers, prepend=-1) == 0
    runs, ends = np.cumsum(~continues), np.flatnonzero(last)
    last_ends = np.full(len(index) + 1, NO_TOKEN)
    last_ends[runs[ends]] = ends  # of several ends in a run the last is kept
    return Tokens(
        index=np.append(index, NO_TOKEN),
        offsets=index - (n_tokens.cumsum() - n_tokens)[doc_numbers],
        docs=doc_numbers,
        begins_doc=np.diff(doc_numbers, prepend=-1) > 0,
        starts=np.append(free[index] & first, False),
        joins=np.append(continues, False),
        ends=last,
        last_ends=last_ends[runs],
        words=np.append(0, word.cumsum()),
    )


def score_states(model: ParserStepModel, states: np.ndarray) -> np.ndarray:
    """Score the actions in any states.

    model (ParserStepModel): The ner's model, with the vectors of a batch.
    states (np.ndarray): For each state the positions of the next token, the first token of the open
        entity, and the last token before the next; `NO_TOKEN` for none. States x 3.
    RETURNS (np.ndarray): States x actions.
    """
    vectors = model.state2vec.predict(np.ascontiguousarray(states, dtype="i"))
    return vectors if model.vec2scores is None else model.vec2scores.predict(vectors)


class SpansOfLength(NamedTuple):
    """Spans of the same length.

    first (np.ndarray): The first token of each.
    built (np.ndarray): The probability of the actions that build it, given that its first token is
        reached with no entity open. Spans x labels.
    """

    first: np.ndarray
    built: np.ndarray


def build_spans(
    model: ParserStepModel, actions: Actions, tokens: Tokens, numbers: np.ndarray
) -> tuple[np.ndarray, list[SpansOfLength]]:
    """Compute the probabilities of what follows some tokens if no entity is open there.

    model (ParserStepModel): The ner's model, with the vectors of a batch.
    actions (Actions): The columns of the model's scores.
    tokens (Tokens): The tokens of the batch.
    numbers (np.ndarray): Some of them.
    RETURNS (tuple[np.ndarray, list[SpansOfLength]]): The probability that each token is outside
        entities (tokens x 1), and the spans of one token, of two, and so on, without negligible
        ones.
    """
    starts = tokens.starts[numbers]
    n_labels = len(actions.labels)
    no_token, always = np.full_like(numbers, NO_TOKEN), np.ones_like(starts)
    scores = score_states(model, tokens.index[np.array([numbers, no_token, no_token]).T])
    may_begin = starts & tokens.can_end_later(numbers, numbers)
    may_be_unit = starts & tokens.can_end(numbers, numbers)
    valid = np.stack([always, *[may_begin] * n_labels, *[may_be_unit] * n_labels], axis=1)
    choices = scores[:, [actions.out, *actions.begin, *actions.unit]]
    chosen = OPS.softmax(np.where(valid, choices, -np.inf))
    outside, open_entity, ended = np.split(chosen, [1, 1 + n_labels], axis=1)
    first = numbers
    by_length = [SpansOfLength(first, ended)]
    while True:
        last = first + len(by_length)
        still_open = tokens.joins[last] & (open_entity.max(axis=1, initial=0) > NEGLIGIBLE)
        if not still_open.any():
            return outside, by_length
        first, last, open_entity = first[still_open], last[still_open], open_entity[still_open]
        scores = score_states(model, tokens.index[np.array([last, first, last - 1]).T])
        goes_on = OPS.sigmoid(scores[:, actions.inside] - scores[:, actions.last])
        goes_on[~tokens.can_end(first, last)] = 1.0
        goes_on[~tokens.can_end_later(first, last)] = 0.0
        by_length.append(SpansOfLength(first, open_entity * (1 - goes_on)))
        open_entity = open_entity * goes_on


def steps_of(first: int, outside: np.ndarray, by_length: list[SpansOfLength]) -> list[np.ndarray]:
    """Compute the probabilities of moving on from consecutive tokens with no entity open.

    first (int): The first of the tokens.
    outside (np.ndarray): See `build_spans`, as for `by_length`.
    RETURNS (list[np.ndarray]): For each token the probability of moving by 1, 2, ... tokens.
    """
    n_steps = np.zeros(len(outside), dtype=np.int64)
    for spans in by_length:
        n_steps[spans.first - first] += 1  # a span is built on a shorter one
    ends = n_steps.cumsum()
    steps = np.empty(ends[-1])
    for length, (tokens, built) in enumerate(by_length):
        steps[(ends - n_steps)[tokens - first] + length] = built.sum(axis=1)
    steps[ends - n_steps] += outside[:, 0]
    return np.split(steps, ends[:-1])


def reach(reached: np.ndarray, first: int, steps: list[np.ndarray], begins_doc: np.ndarray) -> None:
    """Compute the probability of reaching each token of its doc with no entity open.

    reached (np.ndarray): One value per token of a batch, and one more. Those of the tokens after
        which the steps are known already are complete; it is changed.
    first (int): The first of these tokens.
    steps (list[np.ndarray]): See `steps_of`.
    begins_doc (np.ndarray): Whether each token of the batch is the first of its doc.
    """
    for token, of_token in enumerate(steps, start=first):
        if begins_doc[token]:  # and not what the last token of the doc before leads to
            reached[token] = 1.0
        reached[token + 1 : token + 1 + len(of_token)] += reached[token] * of_token


def score_spans(
    model: ParserStepModel, actions: Actions, docs: list[Doc], threshold: float
) -> list[list[ScoredSpan]]:
    """Find the probable spans of a batch.

    The probability of a sequence of actions is the product of those of its actions, each among the
    valid ones, after which an open entity can still end. The probability of a span is the sum over
    all sequences that contain it: that of reaching its first token with no entity open, times that
    of the actions that build it.

    model (ParserStepModel): The ner's model, with the vectors of the batch.
    actions (Actions): The columns of the model's scores.
    docs (list[Doc]): The batch.
    threshold (float): Probability that a span must exceed.
    RETURNS (list[list[ScoredSpan]]): The spans of each doc.
    """
    found: list[list[ScoredSpan]] = [[] for _ in docs]
    tokens = tokens_of(docs)
    if not len(tokens.docs):
        return found
    n_tokens = len(tokens.docs)
    reached = np.zeros(n_tokens + 1)
    for start in range(0, n_tokens, STARTS_AT_ONCE):
        numbers = np.arange(start, min(start + STARTS_AT_ONCE, n_tokens))
        outside, by_length = build_spans(model, actions, tokens, numbers)
        reach(reached, start, steps_of(start, outside, by_length), tokens.begins_doc)
        for length, (first, built) in enumerate(by_length):
            # In single precision the sum may slightly exceed 1.
            probability = np.minimum(reached[first, None] * built, 1.0)
            for row, column in np.argwhere(probability > threshold):
                token, label = first[row], actions.labels[column]
                begin, end = int(tokens.offsets[token]), int(tokens.offsets[token + length]) + 1
                span = ScoredSpan(begin, end, label, float(probability[row, column]))
                found[tokens.docs[token]].append(span)
    return found


def without_overlap(spans: list[ScoredSpan]) -> list[ScoredSpan]:
    """RETURNS (list[ScoredSpan]): The most probable of overlapping spans, in text order."""
    kept: list[ScoredSpan] = []
    for span in sorted(spans, key=lambda s: (-s.probability, s.end - s.start, s.start)):
        place = bisect_left(kept, span.start, key=attrgetter("start"))
        is_after = not place or kept[place - 1].end <= span.start
        if is_after and (place == len(kept) or span.end <= kept[place].start):
            kept.insert(place, span)
    return kept


class MarginalEntityRecognizer(EntityRecognizer):
    """spaCy's `EntityRecognizer` with another decision rule.

    It is trained in the same way. The entities that it finds, not those set before, are in
    `doc.spans["ents"]`, with their probabilities in the group's `attrs["scores"]`.

    threshold (float | None): Probability that an entity must exceed, from 0 to 1. None: spaCy's own
        decoding, without probabilities.
    The other arguments are those of `EntityRecognizer`.
    RAISES (ValueError): If the threshold is out of range, or the model has `extra_state_tokens`.
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

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Any = None,
    ) -> None:
        """Initialize the recognizer as spaCy's.

        get_examples (Callable[[], Iterable[Example]]): Gives annotated docs.
        nlp (Language | None): The pipeline.
        labels (Any): The names of labels, which the examples need not all hold; or what spaCy's
            recognizer takes.
        """
        if isinstance(labels, (list, tuple)):
            for label in labels:
                self.add_label(label)
            labels = None
        super().initialize(get_examples, nlp=nlp, labels=labels)
        add_colors(self.labels)

    def from_bytes(self, *args, **kwargs) -> "MarginalEntityRecognizer":
        """Load the recognizer, and give its labels colours (see `add_colors`)."""
        super().from_bytes(*args, **kwargs)
        add_colors(self.labels)
        return self

    def from_disk(self, *args, **kwargs) -> "MarginalEntityRecognizer":
        """Load the recognizer, and give its labels colours (see `add_colors`)."""
        super().from_disk(*args, **kwargs)
        add_colors(self.labels)
        return self

    def predict(self, docs: list[Doc]) -> list:
        """Find the entities of docs.

        docs (list[Doc]): A batch.
        RETURNS (list[list[ScoredSpan]]): The entities of each, in order, without overlaps; spaCy's
            states if there is no threshold.
        RAISES (ValueError): If a doc has no vectors of the transformer that the model listens to.
        """
        listens = any(layer.name == LISTENER for layer in self.model.walk())
        if listens and any(len(doc) and getattr(doc._, "trf_data", None) is None for doc in docs):
            raise ValueError("Tokens have no vectors: enable the pipeline's transformer")
        if self.threshold is None:
            return super().predict(docs)
        return [without_overlap(spans) for spans in self.score_spans(docs, self.threshold)]

    def score_spans(self, docs: list[Doc], threshold: float) -> list[list[ScoredSpan]]:
        """Find the probable spans of docs, which may overlap.

        docs (list[Doc]): A batch, with what the model needs.
        threshold (float): Probability that a span must exceed.
        RETURNS (list[list[ScoredSpan]]): The spans of each doc.
        """
        if not any(len(doc) for doc in docs):
            return [[] for _ in docs]
        model = self.model.predict(docs)
        actions = Actions(self.moves, self.model.attrs["unseen_classes"])
        found = score_spans(model, actions, docs, threshold)
        model.clear_memory()
        return found

    def set_annotations(self, docs: list[Doc], found: list) -> None:
        """Set the entities of docs.

        docs (list[Doc]): A batch. Entities that are already set stay.
        found (list): The result of `predict`.
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


@Language.factory(
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
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
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
    """Create an entity recognizer that scores every span."""
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
