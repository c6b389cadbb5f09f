"""The linker: from the entities of a query to the ids of a catalogue."""
