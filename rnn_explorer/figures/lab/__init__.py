"""Figures of the Lab page alone: trajectories of the hidden state, and the network unrolled over time."""
