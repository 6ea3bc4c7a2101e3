"""Figures of the Dynamics page: states and fixed points, eigenvalues, the flow, and findings."""
