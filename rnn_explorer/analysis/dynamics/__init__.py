"""Fixed points, and the flow of states around them.

`record` holds them, `search` finds them, `layer_map` is one time step as a map, `compute` the analyses.
"""
