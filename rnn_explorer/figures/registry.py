"""Every figure with examples of it: what conformance tests draw, and what to look at before calling it.

A file with a figure registers, under the figure's name, a function that gives calls of it on small made-up records:

    @FIGURES.register("states")
    def _examples() -> Examples:
        layer = samples.layer("gru", 6, 20)
        return {USUAL: partial(states, layer, 1, 17), EMPTY: partial(states, layer, 1, 0), ...}

So nothing is made before somebody asks. Records that several figures of a folder share stand in its `samples.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rnn_explorer.registry import Registry

# Every figure has at least these. The extreme one is as large as the page allows, and every text in it that may come
# from a file or a keyboard is `samples.HOSTILE`.
USUAL, EMPTY, EXTREME = "usual", "empty", "extreme"

Examples = Mapping[str, partial[Any]]  # each gives a `Panel`

FIGURES: Registry[Callable[[], Examples]] = Registry("figure")


def load() -> None:
    """Import every module here: those with a figure register it."""
    for found in pkgutil.walk_packages([str(Path(__file__).parent)], f"{__package__}."):
        importlib.import_module(found.name)
