"""Logarithmic axes that do not jump while a model trains: they end at every third power of ten, within fixed bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnn_explorer.trace import Array

LOWEST, HIGHEST = -12, 6  # powers of ten beyond which no axis goes
_STEP = 3
_NEVER = 30.0  # powers of ten beyond which values are drawn at this one: single precision ends at 38


def ends(log10: Array, low: int, high: int) -> tuple[int, int]:
    """The powers of ten at which an axis ends.

    Args:
        log10: what is drawn; values that are not finite count for nothing.
        low, high: the axis is at least this long, whatever is drawn.

    Returns:
        `low` and `high`, moved outwards in threes to hold what is drawn, not beyond `LOWEST` and `HIGHEST`.
    """
    known = log10[np.isfinite(log10)]
    if known.size:
        low -= _STEP * max(0, math.ceil((low - float(known.min())) / _STEP - 1e-9))
        high += _STEP * max(0, math.ceil((float(known.max()) - high) / _STEP - 1e-9))
    return max(low, LOWEST), min(high, HIGHEST)


def powers(log10: Array) -> Array:
    """10^log10 in single precision, cut at 1e-30 and 1e30 so that a line still leaves the picture where it should."""
    return (10.0 ** np.clip(log10, -_NEVER, _NEVER)).astype(np.float32)


def logs(values: Array) -> Array:
    """log10 of values of at least 0; -inf for 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(np.asarray(values, dtype=np.float64))


def axis(title: str, low: int, high: int, **more: Any) -> dict[str, Any]:
    """A logarithmic axis from 10^low to 10^high with whole powers of ten written at it."""
    every = 1 if high - low <= 5 else 2 if high - low <= 8 else _STEP
    shown = [power for power in range(low, high + 1) if power % every == 0]
    return {
        "title": {"text": title, "standoff": 2},
        "type": "log",
        "range": [low, high],
        "tickmode": "array",
        "tickvals": [10.0**power for power in shown],
        "ticktext": ["1" if power == 0 else f"10<sup>{power}</sup>".replace("-", "−") for power in shown],
        "zeroline": False,
        **more,
    }


def beyond(log10: Array, low: int, high: int) -> str:
    """What to add to the reading guide where values lie outside the axis: " ..., values below 1e-12 are ...", or ""."""
    known = log10[~np.isnan(log10)]
    below, above = bool((known < low).any()), bool((known > high).any())
    if not below and not above:
        return ""
    places = [f"below 1e{low}"] * below + [f"above 1e{high}"] * above
    return f" Values {' and '.join(places)} lie outside the picture."
