"""The labels of entities, their colours, and the span group that holds their scores."""

LABELS = ("Artist", "WoA")
COLORS = {"Artist": "#ffd166", "WoA": "#8ecae6"}
"""What displaCy colours entities with, through the entry point `spacy_displacy_colors`."""
SPANS_KEY = "ents"
"""Key of the span group in `doc.spans` that holds the entities with their probabilities."""
RESERVED = ("log_odds", "bias", "length")
"""What no label can be called: features of calibration (see `entity_confidence.features_of`)."""
