"""How an artefact is made: fingerprint; reuse, or run, validate, commit."""
