"""The HTTP service and its page: `python -m music_ner.service` (extra `service`)."""
