"""What the units of a layer follow in a text: `record` holds what is found, `compute` finds it."""
