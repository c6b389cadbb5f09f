"""Loads what configs name beside spaCy's own; the file for spaCy's `--code`."""

from scripts import (  # noqa: F401
    augmentation,
    catalogue_tok2vec,
    entity_confidence,
    marginal_ner,
    name_catalogue,
    onnx_encoder,
    training,
)
