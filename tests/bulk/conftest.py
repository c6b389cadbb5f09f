"""A pipeline that finds two names."""

from pathlib import Path

import pytest
from spacy.language import Language

from tests.bulk.jobs import make_ruler


@pytest.fixture(scope="session")
def bulk_nlp() -> Language:
    """The pipeline."""
    return make_ruler()


@pytest.fixture(scope="session")
def bulk_model(bulk_nlp, tmp_path_factory) -> Path:
    """The pipeline, saved."""
    path = tmp_path_factory.mktemp("pipelines") / "bulk_ruler"
    bulk_nlp.to_disk(path)
    return path
