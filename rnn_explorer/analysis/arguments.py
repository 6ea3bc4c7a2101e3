"""Checks of what an analysis is given: each raises a `UserError` whose sentence says what to give instead.

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

from rnn_explorer.errors import UserError

_LONGEST = 60  # letters of a value that a sentence quotes


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


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """A number between two ends, both included.

    Raises:
        UserError: for anything else.
    """
    if not _is_number(value, int, float, np.number) or not low <= value <= high:
        raise UserError(f"{name} is {shown(value)}, but must be a number from {low:g} to {high:g}")


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
    """A value as a sentence quotes it, shortened where it is long."""
    text = "missing" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
