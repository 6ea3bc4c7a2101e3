"""Every task, one file each; importing this package registers them all."""

from __future__ import annotations

import importlib
import pkgutil

from rnn_explorer.tasks.base import TASKS, Batch, Task

# The order of the menu: the reference program first, then by what they teach; files not named here come after.
_ORDER = (
    "digits", "names", "vowels", "forecast", "char_lm", "temporal_order", "adding", "copy", "parity", "flip_flop",
    "context", "anbn", "reber", "local_peak",
)  # fmt: skip
_FOUND = [module.name for module in pkgutil.iter_modules(__path__) if module.name not in ("base", "build_data")]

for _name in sorted(_FOUND, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)):
    importlib.import_module(f"{__name__}.{_name}")

__all__ = ["TASKS", "Batch", "Task"]
