"""Token vectors that say how tokens are capitalized, for encoders that read lower case only."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

FEATURES = ("capital", "small")
N_FEATURES = len(FEATURES)


def casing_of(doc: Doc) -> np.ndarray:
    """Describe how the words of a doc are capitalized.

    If all its letters are small, or all are capitals, they do not set names apart: then all values
    are 0. The first word of a doc does not count, since many people capitalize it anyway.

    doc (Doc): Any doc.
    RETURNS (np.ndarray): float32, tokens x `N_FEATURES`: whether the token begins with a capital,
        and whether it begins with a small letter.
    """
    words = word_beginnings(doc)[1:]
    rest = doc[words[0] :].text if words else ""
    if rest in (rest.lower(), rest.upper()):
        return np.zeros((len(doc), N_FEATURES), "f")
    initials = [token.text[:1] for token in doc]
    columns = [[test(initial) for initial in initials] for test in (str.isupper, str.islower)]
    return np.array(columns, dtype="f").T


def word_beginnings(doc: Doc) -> list[int]:
    """RETURNS (list[int]): The first token with a letter or digit at its start of each word between
    white space: `do` of `don't`, but not its `n't`, and `halo` of `"halo"`."""
    beginnings, in_word = [], False
    for token in doc:
        if not in_word and token.text[:1].isalnum():
            beginnings.append(token.i)
            in_word = True
        if token.whitespace_ or token.is_space:
            in_word = False
    return beginnings


def create_casing_tok2vec(
    tok2vec: Model[list[Doc], list[Floats2d]], gain: float
) -> Model[list[Doc], list[Floats2d]]:
    """Append how tokens are capitalized (see `casing_of`) to the vectors of a tok2vec.

    tok2vec (Model[list[Doc], list[Floats2d]]): The tok2vec.
    gain (float): Factor of the appended values.
    RETURNS (Model[list[Doc], list[Floats2d]]): The tok2vec with the appended values.
    """
    model = Model(
        "casing_tok2vec",
        _forward,
        init=_initialize,
        dims={"nO": None},
        layers=[tok2vec],
        attrs={"gain": gain},
    )
    _set_width(model)
    return model


def _set_width(model: Model) -> None:
    (tok2vec,) = model.layers
    if tok2vec.has_dim("nO"):
        model.set_dim("nO", tok2vec.get_dim("nO") + N_FEATURES)


def _initialize(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:  # noqa: N803
    model.layers[0].initialize(X=X)
    _set_width(model)


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], Any]]:
    (tok2vec,) = model.layers
    if not is_train:  # what a callback would need is not kept in memory
        return _appended(model, docs, tok2vec.predict(docs)), lambda gradients: []
    vectors, backprop_vectors = tok2vec(docs, is_train)
    ops = model.ops

    def backprop(gradients: list[Floats2d]) -> Any:
        return backprop_vectors([ops.as_contig(g[:, :-N_FEATURES]) for g in gradients])

    return _appended(model, docs, vectors), backprop


def _appended(model: Model, docs: list[Doc], vectors: list[Floats2d]) -> list[Floats2d]:
    ops, gain = model.ops, model.attrs["gain"]
    return [
        ops.xp.hstack([of_doc, ops.asarray2f(gain * casing_of(doc))])
        for doc, of_doc in zip(docs, vectors, strict=True)
    ]
