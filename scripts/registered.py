"""Loads what configs name beside spaCy's own; the file for spaCy's `--code`."""

from scripts import augmentation, layer_mix, marginal_ner, training  # noqa: F401
