"""A sequence of the user's own: `record` holds what the model makes of it, `compute` asks it."""
