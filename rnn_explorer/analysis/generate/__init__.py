"""What the model writes, and how it goes on: `record` holds it, `compute` makes it."""
