"""spaCy components that find artists and works of art in requests for music."""

__version__ = "0.3.0"
