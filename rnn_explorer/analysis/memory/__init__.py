"""How far back the gradient reaches.

`record` and `cell_memory` hold what is found, `findings` says what it means. `compute` finds it: `reading` reads the
sequence, `jacobians` multiplies, `saliency` and `gates` look at inputs and gates.
"""
