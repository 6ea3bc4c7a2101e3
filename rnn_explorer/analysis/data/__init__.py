"""What a task's data look like: `record` holds it, `compute` counts it."""
