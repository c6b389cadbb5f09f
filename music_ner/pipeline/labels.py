"""The labels of entities, and the span group that holds their scores."""

LABELS = ("Artist", "WoA")
SPANS_KEY = "ents"
"""Key of the span group in `doc.spans` that holds the entities with their probabilities."""
