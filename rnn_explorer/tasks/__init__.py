"""Every task, one file each; importing this package registers them all."""

from __future__ import annotations

import importlib
import pkgutil

from rnn_explorer.tasks.base import TASKS, Batch, Task

for _module in pkgutil.iter_modules(__path__):
    if _module.name != "build_data":  # a program that makes the shipped data
        importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["TASKS", "Batch", "Task"]
