"""What the page shows of a model as it was at a step of the past: a `trace.Snapshot`."""
