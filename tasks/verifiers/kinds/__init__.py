"""One file per kind of verifier."""
