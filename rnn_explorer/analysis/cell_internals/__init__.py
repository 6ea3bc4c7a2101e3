"""One cell with every number of it, and what would happen if something were changed.

`record` holds the numbers, `compute` and `what_if` compute them, `interventions` are the changes.
"""
