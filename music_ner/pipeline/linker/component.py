"""The component `linker`: from the entities of a query to the ids of a catalogue.

`ent.kb_id_` is the id of an entity; it stays empty where the catalogue has no likely one (NIL).
`ent._.candidates` holds the likeliest ids, and `ent._.link_confidence` the probability that
`ent.kb_id_` is right; None where it is empty.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span

from music_ner.pipeline.catalogue.index import NameIndex
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.linker.candidates import FEATURES, Candidates, Mention, find

WEIGHTS_FILE = "weights.json"


class Candidate(TypedDict):
    """An artist or work that an entity may stand for.

    id (str): Its id.
    name (str): Its name, as it was written where the id was listed first.
    score (float): The probability that it is meant.
    """

    id: str
    name: str
    score: float


Span.set_extension("candidates", default=None, force=True)
Span.set_extension("link_confidence", default=None, force=True)


def probabilities(candidates: Candidates, weights: Mapping[str, float]) -> np.ndarray:
    """Compute how likely each candidate of a mention is meant.

    A conditional logit model (McFadden 1974, Conditional logit analysis of qualitative choice
    behavior) of the choice between the candidates and none of them, whose utility is 0.

    candidates (Candidates): The candidates.
    weights (Mapping[str, float]): The weight of each feature.
    RETURNS (np.ndarray): The probability of each; what is left to 1 is that of none of them.
    """
    utilities = candidates.features @ np.array([weights[name] for name in FEATURES])
    highest = utilities.max(initial=0.0)
    exponentials = np.exp(utilities - highest)
    return exponentials / (np.exp(-highest) + exponentials.sum())


class Linker(Pipe):
    """Links entities to the ids of a catalogue in the same pipeline.

    A catalogue without ids costs nothing: `doc` stays as it is.

    nlp (Language): The pipeline.
    name (str): Name of the component.
    catalogue (str): Name of the component `catalogue`.
    threshold (float): The probability from which on an entity is linked, if none of the candidates
        is not likelier still.
    n_candidates (int): How many candidates are kept at most.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> from music_ner.pipeline.catalogue.component import Entry
    >>> nlp = spacy.blank("en")
    >>> catalogue, linker = nlp.add_pipe("catalogue"), nlp.add_pipe("linker")
    >>> _ = catalogue.add(artists=[Entry("Radiohead", id="a1"), Entry("Sade", id="a2")])
    >>> doc = nlp.make_doc("songs like radio head")
    >>> doc.ents = [Span(doc, 2, 4, label="Artist")]
    >>> [(ent.text, ent.kb_id_) for ent in linker(doc).ents]
    [('radio head', 'a1')]
    """

    def __init__(
        self,
        nlp: Language,
        name: str,
        *,
        catalogue: str = "catalogue",
        threshold: float = 0.2,
        n_candidates: int = 5,
    ):
        self.nlp = nlp
        self.name = name
        self.catalogue = catalogue
        self.threshold = threshold
        self.n_candidates = n_candidates
        self.weights: dict[str, float] = srsly.json_loads(
            files("music_ner.pipeline.linker").joinpath(WEIGHTS_FILE).read_text(encoding="utf8")
        )

    def __call__(self, doc: Doc) -> Doc:
        """Link the entities of a doc.

        doc (Doc): A doc with entities.
        RETURNS (Doc): The doc, with ids, candidates and confidences.
        RAISES (ValueError): If the pipeline has no such catalogue.
        """
        index = self._index()
        if index.entities is None or not doc.ents:
            return doc
        ents = [ent for ent in doc.ents if ent.label_ in LABELS]
        mentions = [Mention(ent.text, LABELS.index(ent.label_)) for ent in ents]
        for ent, candidates in zip(ents, find(index, mentions), strict=True):
            self._link(ent, candidates, index)
        return doc

    def _index(self) -> NameIndex:
        try:
            return self.nlp.get_pipe(self.catalogue).index
        except KeyError:
            raise ValueError(
                f"{self.name}: the pipeline has no component {self.catalogue!r}, whose ids "
                "entities are linked to: add one, or remove this component"
            ) from None

    def _link(self, ent: Span, candidates: Candidates, index: NameIndex) -> None:
        scores = probabilities(candidates, self.weights)
        order = np.argsort(-scores, kind="stable")[: self.n_candidates]
        found = [
            Candidate(
                id=index.entities.id_of(entity),
                name=index.entities.written_name(entity),
                score=float(scores[number]),
            )
            for number, entity in zip(order, candidates.entities[order], strict=True)
        ]
        is_linked = bool(found) and found[0]["score"] >= max(self.threshold, 1 - scores.sum())
        for token in ent:
            token.ent_kb_id_ = found[0]["id"] if is_linked else ""
        ent._.candidates = found
        ent._.link_confidence = found[0]["score"] if is_linked else None

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The weights."""
        return util.to_bytes({"weights": lambda: srsly.json_dumps(self.weights)}, exclude)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Linker":
        """Load what `to_bytes` gave.

        data (bytes): The weights.
        """
        util.from_bytes(data, {"weights": self._load}, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the weights.

        path (str | Path): Folder to write to.
        """
        util.to_disk(
            path, {WEIGHTS_FILE: lambda file: srsly.write_json(file, self.weights)}, exclude
        )

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Linker":
        """Load what `to_disk` wrote.

        path (str | Path): The folder.
        RAISES (ValueError): If the weights are not those of this version's features.
        """
        util.from_disk(
            path, {WEIGHTS_FILE: lambda file: self._load(file.read_text(encoding="utf8"))}, exclude
        )
        return self

    def _load(self, text: str) -> None:
        weights = srsly.json_loads(text)
        if {*weights} != {*FEATURES}:
            raise ValueError(
                f"{self.name}: another version of music-ner saved these weights: install that "
                "version, or add the component anew"
            )
        self.weights = weights


@Language.factory(
    "linker",
    requires=["doc.ents"],
    assigns=["token.ent_kb_id", "span._.candidates", "span._.link_confidence"],
    default_config={"catalogue": "catalogue", "threshold": 0.2, "n_candidates": 5},
)
def create_linker(
    nlp: Language, name: str, catalogue: str, threshold: float, n_candidates: int
) -> Linker:
    """Create a linker (see `Linker`)."""
    return Linker(nlp, name, catalogue=catalogue, threshold=threshold, n_candidates=n_candidates)
