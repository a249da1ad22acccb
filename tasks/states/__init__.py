"""States with their history, and the one hash of a name."""
