"""What an own drawing is here: an SVG with words for the reader, the equations beside it and a table behind it.

A drawing is for what Plotly does not draw: a cell with its wires. Its lines and letters are in `currentColor`, so it
follows the page it stands in. What belongs to one quantity bears that quantity's name in `data-term`, in the drawing
as in the equations, so that a page can light up the one where the other is pointed at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from rnn_explorer.figures.notebook import block
from rnn_explorer.figures.panel import Panel


class Token(TypedDict):
    """A piece of an equation: a letter, a number, an operator or a word.

    Attributes:
        text: as it is read; an operator brings its spaces.
        term: the wire that it stands for; left out for operators and words.
        sub: an index below the line.
        edited: whether a change acts on this very number.
    """

    text: str
    term: NotRequired[str]
    sub: NotRequired[str]
    edited: NotRequired[bool]


@dataclass(frozen=True)
class Equation:
    """One equation, twice.

    Attributes:
        name: what it gives, in words ("forget gate").
        symbols: in letters.
        numbers: with one step's numbers put in; the first token is the result.
        original: of a changed model, the same line of the model as it was trained; empty where it is no other.
    """

    name: str
    symbols: tuple[Token, ...]
    numbers: tuple[Token, ...]
    original: tuple[Token, ...] = ()


@dataclass(frozen=True)
class SvgPanel(Panel):
    """One drawing as plain text and data; see `Panel` for its words and table.

    Attributes:
        svg: one whole `<svg>` element with a view box and no size of its own.
        equations: what is drawn, as equations.
        notes: short sentences about the conventions of the equations.
    """

    svg: str
    equations: Sequence[Equation] = ()
    notes: Sequence[str] = ()

    def _repr_html_(self) -> str:
        return block(self.title, f'<div style="max-width: 60em">{self.svg}</div>', self.how_to_read)


def fixed_number(value: float, decimals: int = 2) -> str:
    """A number as it is written on wires and in equations, at most 8 characters long for 2 decimals.

    Args:
        value: any float. One that would be rounded to zero without being zero, and one of 10 000 or more, is
            written with an exponent (1e−5, 1.2e4); from 100 on decimals are dropped.
        decimals: after the point, at least 1.
    """
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    value += 0.0  # no minus before a zero
    size = abs(value)
    if size and (size < 0.5 * 10**-decimals or size >= 9999.5):
        mantissa, exponent = f"{value:.{0 if size < 1 else 1}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    else:
        dropped = 2 if size >= 999.5 else 1 if size >= 99.95 else 0
        text = f"{value:.{max(decimals - dropped, 0)}f}"
    return text.replace("-", "−")
