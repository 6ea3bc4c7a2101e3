"""The error of each column of a forecast: `record` holds it, `compute` measures it."""
