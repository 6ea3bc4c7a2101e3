"""Figures of the Cell page: the drawing with its numbers, the equations, a unit over time, and what would happen if."""
