"""The component `entity_confidence`: how sure the pipeline is of each entity.

`span._.confidence` is the probability that both bounds and label of an entity are right, or None if
no `marginal_ner` set the entity. The same numbers are in `doc.spans["ents"].attrs["scores"]`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span

from music_ner.pipeline.labels import SPANS_KEY

SCORES = "scores"
RAW_SCORES = "raw_scores"
IDENTITY = {"kind": "identity"}
EPSILON = 1e-6


def features_of(raw: np.ndarray, spans: Iterable[Span]) -> dict[str, np.ndarray]:
    """Compute the features that a calibration may use.

    raw (np.ndarray): The ner's probability of each entity.
    spans (Iterable[Span]): The entities.
    RETURNS (dict[str, np.ndarray]): The log odds of the probability, `bias` (1 throughout), the
        logarithm of the `length` in tokens other than white space, and for each label whether the
        entity has it; one value per entity.
    """
    spans = list(spans)
    probability = np.clip(np.asarray(raw, dtype=float), EPSILON, 1 - EPSILON)
    return {
        "log_odds": np.log(probability / (1 - probability)),
        "bias": np.ones(len(spans)),
        "length": np.log([sum(not token.is_space for token in span) for span in spans]),
        **{
            label: np.array([span.label_ == label for span in spans], dtype=float)
            for label in {span.label_ for span in spans}
        },
    }


def calibrated(
    calibration: dict[str, Any], raw: np.ndarray, features: dict[str, np.ndarray]
) -> np.ndarray:
    """Turn the ner's probabilities into confidences.

    calibration (dict[str, Any]): `kind` is "identity"; or "logistic", with `weights` by name of the
        feature (https://doi.org/10.1145/1102351.1102430, section 3.1); or "isotonic", with `raw`
        and `confidence` of the points between which it is linear (section 3.2).
    raw (np.ndarray): The probability of each entity.
    features (dict[str, np.ndarray]): See `features_of`.
    RETURNS (np.ndarray): The confidence of each entity, from 0 to 1.
    RAISES (ValueError): If the kind is another one.
    """
    match calibration["kind"]:
        case "identity":
            return np.asarray(raw, dtype=float)
        case "logistic":
            known = {name: w for name, w in calibration["weights"].items() if name in features}
            log_odds = sum(weight * features[name] for name, weight in known.items())
            return 1 / (1 + np.exp(-np.asarray(log_odds, dtype=float)))
        case "isotonic":
            return np.interp(raw, calibration["raw"], calibration["confidence"])
    raise ValueError(f"Unknown kind of calibration: {calibration['kind']}")


def confidence_of(span: Span) -> float | None:
    """RETURNS (float | None): The confidence of an entity; None if no ner gave it this label."""
    label, confidence = span._.labelled_with_confidence
    return confidence if label == span.label_ else None


# Stored by character offsets, so that it survives retokenizing.
Span.set_extension("labelled_with_confidence", default=("", None), force=True)
Span.set_extension("confidence", getter=confidence_of, force=True)


class EntityConfidence(Pipe):
    """Calibrates the probabilities that a `marginal_ner` before it gives.

    name (str): Name of the component.
    """

    def __init__(self, name: str):
        self.name = name
        self.calibration: dict[str, Any] = IDENTITY

    def __call__(self, doc: Doc) -> Doc:
        """Set the confidences of a doc's entities.

        doc (Doc): A doc; one that no `marginal_ner` has processed stays as it is.
        RETURNS (Doc): The doc; the ner's own probabilities are now in the group's
            `attrs["raw_scores"]`.
        """
        group = doc.spans.get(SPANS_KEY)
        if group is None or SCORES not in group.attrs:
            return doc
        raw = group.attrs.get(RAW_SCORES, group.attrs[SCORES])
        if not len(group):
            group.attrs = {**group.attrs, RAW_SCORES: raw}
            return doc
        scores = calibrated(self.calibration, raw, features_of(raw, group)).astype("f")
        group.attrs = {**group.attrs, RAW_SCORES: raw, SCORES: scores}
        for span, score in zip(group, scores.tolist(), strict=True):
            span._.labelled_with_confidence = (span.label_, score)
        return doc

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The calibration."""
        return util.to_bytes({"calibration": lambda: srsly.json_dumps(self.calibration)}, exclude)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "EntityConfidence":
        """Load what `to_bytes` gave.

        data (bytes): The calibration.
        """
        util.from_bytes(data, {"calibration": self._load}, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the calibration.

        path (str | Path): Folder to write to.
        """
        save = {"calibration.json": lambda file: srsly.write_json(file, self.calibration)}
        util.to_disk(path, save, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "EntityConfidence":
        """Load what `to_disk` wrote.

        path (str | Path): The folder.
        """
        load = {"calibration.json": lambda file: self._load(file.read_text(encoding="utf8"))}
        util.from_disk(path, load, exclude)
        return self

    def _load(self, text: str) -> None:
        self.calibration = srsly.json_loads(text)


@Language.factory(
    "entity_confidence", assigns=["span._.confidence"], requires=["doc.ents", "doc.spans"]
)
def create_entity_confidence(nlp: Language, name: str) -> EntityConfidence:
    """Create a component that gives entities a confidence, uncalibrated until it is fitted."""
    return EntityConfidence(name)
