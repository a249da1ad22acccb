"""Trajectories to states: one per assistant action, by reference, each in train or validation for ever."""
