"""States with their history, and draws of them that depend on names alone."""
