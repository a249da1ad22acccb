"""A policy to its evaluations: held-out states, episodes in worlds, and skills that training never touched."""
