"""A catalogue without a model, and what it finds."""

import spacy
from spacy.tokens import Span

from music_ner.pipeline.catalogue.component import Catalogue
from music_ner.pipeline.catalogue.features import FEATURES, to_array
from music_ner.pipeline.labels import LABELS

NLP = spacy.blank("en")


def catalogue_of(**names):
    component = Catalogue("catalogue")
    component.add(**names)
    return component


def found(component, text):
    """The text and label of each match."""
    doc = NLP.make_doc(text)
    return [(doc[match.start : match.end].text, match.label) for match in component.find(doc)]


def features(doc):
    return to_array(doc._.catalogue)


def feature(doc, token, label, name):
    return features(doc)[token, LABELS.index(label) * len(FEATURES) + FEATURES.index(name)]


def annotated(text, *entities, missing=()):
    doc = NLP.make_doc(text)
    doc.set_ents(
        [Span(doc, start, end, label=label) for start, end, label in entities],
        missing=[doc[start:end] for start, end in missing],
    )
    return doc


FREQUENCIES = {"love": 0.75, "songs": 0.5, "0000": 0.25, "7": 0.125, "mp3": 0.0625}
QUERIES = [
    annotated("love songs like love me do", (3, 6, "WoA")),
    annotated("more love songs"),
    annotated("Love, songs of creep", (4, 5, "WoA")),
    annotated("creep creep more", missing=[(0, 2)]),
]
