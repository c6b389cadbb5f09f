"""What runs where a packaged pipeline runs. Imports nothing else of the library."""
