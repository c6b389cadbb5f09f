"""Entities of millions of texts, found by many processes: `python -m music_ner.bulk`.

`storage` reads and writes files anywhere, `inputs` finds rows, `shards` cuts them, `manifest` says
what a job is, `core` processes a shard, and `engine` spreads shards over machines with Ray. All but
`engine` work without Ray.
"""
