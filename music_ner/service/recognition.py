"""The pipeline of a worker process: it reads batches of texts, with the current catalogue."""

from collections.abc import Sequence
from typing import Any

import spacy
from spacy.displacy.render import EntityRenderer

from music_ner.data.entities import entities_of
from music_ner.service.catalogues import CATALOGUE, CatalogueStore

WARM_UP = "songs like karma police by radiohead"


class Recognizer:
    """Finds entities with a pipeline. Only one thread at a time may call it.

    model (str): An installed package, or a folder.
    store (CatalogueStore): Where uploaded catalogues are. A catalogue that any process publishes
        there is used from the next batch on.
    """

    def __init__(self, model: str, store: CatalogueStore):
        self.nlp = spacy.load(model)
        self.has_catalogue = self.nlp.has_pipe(CATALOGUE)
        self._store = store
        self._version: str | None = None

    def warm_up(self) -> None:
        """Load the current catalogue, and allocate what the first text needs."""
        self([WARM_UP])

    @property
    def name(self) -> str:
        """What the package is called."""
        return f"{self.nlp.lang}_{self.nlp.meta['name']}"

    @property
    def colours(self) -> dict[str, str]:
        """displaCy's colour of each label of the pipeline that has one."""
        known = EntityRenderer().colors
        labels = {label for labels in self.nlp.pipe_labels.values() for label in labels}
        return {label: known[label.upper()] for label in sorted(labels) if label.upper() in known}

    def __call__(self, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Find the entities of texts.

        texts (Sequence[str]): A batch of texts.
        RETURNS (list[list[dict[str, Any]]]): The entities of each text (see `entities_of`).
        """
        if self.has_catalogue and self._store.version() != self._version:
            self._version = self._store.load(self.nlp.get_pipe(CATALOGUE))
        with self.nlp.memory_zone():
            return [entities_of(doc) for doc in self.nlp.pipe(texts)]
