"""Checks of what only the model decides of an analysis' options: each raises a `UserError` that says what to give.

What an option may be whatever the model is, its declaration says (`rnn_explorer.settings`).

Example:
    >>> check_whole("unit", 5, 0, 4)
    Traceback (most recent call last):
    ...
    rnn_explorer.errors.UserError: unit is 5, but must be a whole number from 0 to 4
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnn_explorer import settings
from rnn_explorer.errors import UserError


def check_whole(name: str, value: Any, low: int, high: int, more: str = "") -> None:
    """A whole number between two ends, both included.

    Args:
        name: of the option.
        value: as given.
        low, high: the ends.
        more: added to the sentence.

    Raises:
        UserError: for anything else.
    """
    if not _is_number(value, int, np.integer) or not low <= value <= high:
        raise UserError(f"{name} is {shown(value)}, but must be a whole number from {low} to {high}{more}")


def finite_number(name: str, value: Any) -> float:
    """A finite number, as a float.

    Raises:
        UserError: for anything else, a whole number beyond all floats included.
    """
    try:
        if _is_number(value, int, float, np.number) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise UserError(f"{name} is {shown(value)}, but must be a finite number")


def shown(value: Any) -> str:
    """A value as a sentence quotes it."""
    return "missing" if value is None else settings.shown(value)


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
