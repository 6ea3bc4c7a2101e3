"""Numbers, counts and symbols as people read them."""

from __future__ import annotations

import math

_SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥", "": "∅"}


def number(value: float, digits: int = 3) -> str:
    """A number of any size in so many significant digits: "0.032", "140", "3.2e-5", "not finite"."""
    if not math.isfinite(value):
        return "not finite"
    text = f"{value:.{digits}g}"
    mantissa, exponential, exponent = text.partition("e")
    if not exponential:
        return text
    return f"{value:.0f}" if 1 <= abs(value) < 1e4 else f"{mantissa}e{int(exponent)}"


def counted(count: int, noun: str) -> str:
    """How many there are of something: "1 unit", "1,200 units"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def visible(symbol: str) -> str:
    """One symbol of a text; a sign for a space, the end of a line, a tab and nothing, which would not be seen."""
    return _SIGNS.get(symbol, symbol)
