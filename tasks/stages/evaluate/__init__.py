"""A policy's worth: held-out states, episodes in worlds, and skills that training never touched."""
