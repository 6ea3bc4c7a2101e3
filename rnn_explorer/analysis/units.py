"""The units that a task's numbers have: what it took from them, and what it divided them by."""

from __future__ import annotations

from typing import Any


def units(task: Any) -> tuple[Any, Any]:
    """The mean and the standard deviation that the task's numbers are counted from and in, where it says so."""
    asked = getattr(task, "inner", task)  # a task on the user's data wraps another one
    return getattr(asked, "mean", 0.0), getattr(asked, "scale", 1.0)
