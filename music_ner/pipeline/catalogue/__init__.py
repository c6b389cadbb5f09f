"""The component `catalogue`: finds the names that it lists, and tells the ner."""
