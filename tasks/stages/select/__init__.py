"""Profiles to pivots: the states worth training on, and for each of the others why it is not."""
