"""Token vectors that know what a catalogue knows; travels inside the packaged pipeline."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy import registry
from spacy.tokens import Doc
from thinc.api import Mish, Model
from thinc.types import Floats2d

N_FEATURES = 18  # columns of doc._.catalogue
# Beside a transformer's vectors those of a new layer are small (docs/experiments.md).
GAIN = 5.0


@registry.architectures("music_ner.CatalogueTok2Vec.v1")
def create_catalogue_tok2vec(
    tok2vec: Model[list[Doc], list[Floats2d]], width: int, dropout: float
) -> Model[list[Doc], list[Floats2d]]:
    """A tok2vec whose vectors go on with what a `catalogue` before it has found.

    Features are mapped by a Mish layer (https://arxiv.org/abs/1908.08681); tokens in no match get
    zeros, so that without names the vectors say what those of the other tok2vec say.

    tok2vec (Model[list[Doc], list[Floats2d]]): The other tok2vec.
    width (int): How many values are added to its vectors.
    dropout (float): Probability, in training, that a match is not there, with all that depends on
        it, and once more that none of a query is. Chance comes from NumPy, which spaCy seeds.
    """
    model = Model(
        "catalogue_tok2vec",
        _forward,
        init=_initialize,
        dims={"nO": None},
        layers=[tok2vec, Mish(nO=width, nI=N_FEATURES)],
        attrs={"match_dropout": dropout},
    )
    _set_width(model)
    return model


def _set_width(model: Model) -> None:
    if all(layer.has_dim("nO") for layer in model.layers):
        model.set_dim("nO", sum(layer.get_dim("nO") for layer in model.layers))


def _initialize(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:  # noqa: N803
    tok2vec, mapping = model.layers
    tok2vec.initialize(X=X)
    mapping.initialize()
    _set_width(model)


def _features(doc: Doc) -> np.ndarray:
    features = doc._.catalogue
    return np.zeros((len(doc), N_FEATURES), "f") if features is None else features


def drop_matches(doc: Doc, dropout: float) -> np.ndarray:
    """Leave out some of the matches of a doc, and some times all.

    doc (Doc): A doc that the catalogue has read.
    dropout (float): Probability that a match is left out, and once more that all are.
    RETURNS (np.ndarray): The features without these matches. Tokens x `N_FEATURES`.
    RAISES (ValueError): If no catalogue has read the doc.
    """
    if doc._.catalogue is None:
        raise ValueError("No catalogue has read the doc: name it in training.annotating_components")
    is_dropped = np.random.random(len(doc._.catalogue_matches)) < dropout
    is_dropped |= np.random.random() < dropout
    return doc._.catalogue_without({*(np.flatnonzero(is_dropped) + 1)})


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], Any]]:
    tok2vec, mapping = model.layers
    ops = model.ops
    lengths = ops.asarray1i([len(doc) for doc in docs])
    vectors, backprop_vectors = tok2vec(docs, is_train)
    dropout = model.attrs["match_dropout"]
    of_docs = [drop_matches(doc, dropout) if is_train else _features(doc) for doc in docs]
    features = ops.asarray2f(np.concatenate(of_docs))
    matched = features.any(axis=1)
    found, backprop_found = mapping(features[matched], is_train)
    mapped = ops.alloc2f(len(features), mapping.get_dim("nO"))
    mapped[matched] = GAIN * found
    flat = ops.flatten(vectors)

    def backprop(gradients: list[Floats2d]) -> Any:
        gradient = ops.flatten(gradients)
        of_vectors, of_mapped = ops.xp.split(gradient, [flat.shape[1]], axis=1)
        backprop_found(ops.as_contig(GAIN * of_mapped[matched]))
        return backprop_vectors(ops.unflatten(ops.as_contig(of_vectors), lengths))

    return ops.unflatten(ops.xp.hstack([flat, mapped]), lengths), backprop
