"""Figures of the Memory page: how far back gradients reach, and what the gates do about it."""
