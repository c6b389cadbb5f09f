"""Loads what the config names beside spaCy's own; the file for spaCy's `--code`."""

from scripts import augmentation, layer_mix, training  # noqa: F401
