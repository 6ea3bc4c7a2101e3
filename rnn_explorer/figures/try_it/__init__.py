"""Figures of the Try it page: what the model writes, forecasts and expects."""
