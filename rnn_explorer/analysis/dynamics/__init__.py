"""Fixed points, and the flow of states around them.

`record`, `fixed_points`, `space` and `stability` hold what is found. `compute` has the analyses: `search` finds fixed
points, `layer_map` is one time step as a map.
"""
