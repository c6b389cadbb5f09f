"""Token vectors with the features of a catalogue: the architecture of the ner's tok2vec."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Mish, Model
from thinc.types import Floats2d

from music_ner.pipeline.catalogue.features import FEATURES, to_array
from music_ner.pipeline.labels import LABELS


def create_catalogue_tok2vec(
    tok2vec: Model[list[Doc], list[Floats2d]],
    width: int,
    dropout: float,
    gain: float,
    labels: Sequence[str] = LABELS,
) -> Model[list[Doc], list[Floats2d]]:
    """Append the mapped features of a `catalogue` to the vectors of a tok2vec.

    A Mish layer (https://arxiv.org/abs/1908.08681) maps the features. Tokens outside matches get
    zeros, so without names the vectors say what those of the tok2vec say.

    tok2vec (Model[list[Doc], list[Floats2d]]): The tok2vec.
    width (int): The number of values to append.
    dropout (float): Probability, in training, that a match is left out with everything that depends
        on it, and that all matches of a query are. Randomness comes from NumPy, which spaCy seeds.
    gain (float): Factor of the mapped features: next to a transformer's vectors the output of a new
        layer is small.
    labels (Sequence[str]): The labels of the catalogue.
    RETURNS (Model[list[Doc], list[Floats2d]]): The tok2vec with the appended features.
    """
    model = Model(
        "catalogue_tok2vec",
        _forward,
        init=_initialize,
        dims={"nO": None},
        layers=[tok2vec, Mish(nO=width, nI=len(labels) * len(FEATURES))],
        attrs={"match_dropout": dropout, "gain": gain},
    )
    _set_width(model)
    return model


def refuse_previous_version(tok2vec: Any, width: int, dropout: float, gain: float = 1.0) -> None:
    """Refuse the architecture of pipelines saved by music-ner 0.2 or earlier, with its arguments.

    RAISES (ValueError): Always; the message says what to do.
    """
    raise ValueError(
        "This pipeline was saved by en_music_ner 0.1 or 0.2, whose catalogue has other features: "
        "train and package it with this version (`spacy project run all`), or load it in an "
        "environment with the version that saved it"
    )


def _set_width(model: Model) -> None:
    if all(layer.has_dim("nO") for layer in model.layers):
        model.set_dim("nO", sum(layer.get_dim("nO") for layer in model.layers))


def _initialize(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:  # noqa: N803
    tok2vec, mapping = model.layers
    tok2vec.initialize(X=X)
    mapping.initialize()
    _set_width(model)


def _features(doc: Doc, n_features: int) -> np.ndarray:
    features = doc._.catalogue
    if features is None:
        return np.zeros((len(doc), n_features), "f")
    if len(features) != len(doc):
        raise ValueError("The doc was retokenized after the catalogue: run the catalogue again")
    return to_array(features, n_features)


def drop_matches(doc: Doc, dropout: float) -> np.ndarray:
    """Leave out some of the matches of a doc, and sometimes all of them.

    doc (Doc): A doc that the catalogue has processed.
    dropout (float): Probability that a match is left out, and that all of them are.
    RETURNS (np.ndarray): The features without these matches, tokens x features.
    RAISES (ValueError): If no catalogue has processed the doc.
    """
    if doc._.catalogue is None:
        raise ValueError(
            "No catalogue has processed the doc: name it in training.annotating_components, or "
            'pass annotates=["catalogue"] to nlp.update()'
        )
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
    dropout, gain = model.attrs["match_dropout"], model.attrs["gain"]
    of_docs = [
        drop_matches(doc, dropout) if is_train else _features(doc, mapping.get_dim("nI"))
        for doc in docs
    ]
    features = ops.asarray2f(np.concatenate(of_docs))
    matched = features.any(axis=1)
    found, backprop_found = mapping(features[matched], is_train)
    width = mapping.get_dim("nO")
    mapped = ops.alloc2f(len(features), width)
    mapped[matched] = gain * found
    parts = zip(vectors, ops.unflatten(mapped, lengths), strict=True)

    def backprop(gradients: list[Floats2d]) -> Any:
        of_mapped = ops.flatten(gradients)[:, -width:]
        backprop_found(ops.as_contig(gain * of_mapped[matched]))
        return backprop_vectors([ops.as_contig(g[:, :-width]) for g in gradients])

    return [ops.xp.hstack(of_doc) for of_doc in parts], backprop
