"""How far back the gradient reaches.

`record` holds what is found, `findings` says what it means, `compute` finds it.
"""
