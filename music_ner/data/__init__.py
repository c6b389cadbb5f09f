"""Annotated queries: their type, the formats they are read from, and the corpora made of them."""
