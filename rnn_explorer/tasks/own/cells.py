"""What one cell of a table says: a number, nothing, or a text."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

Kind = Literal["whole", "point", "comma", "missing", "infinite", "text"]

# What spreadsheets and programs write where there is no value, in lower case.
MISSING = frozenset(
    ("", "na", "n/a", "nan", "null", "none", "nil", "missing", "-", "--", "?", ".", "#n/a", "#na", "<na>", "#value!",
     "#div/0!", "#ref!", "#num!", "#null!", "#name?")
)  # fmt: skip
_INFINITE = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity", "∞"))
PLAIN = frozenset("0123456789+-.eE")  # letters of numbers that `float` reads as they are meant

_OF_A_NUMBER = re.compile(r"[-+.,0-9eE]{1,60}")  # Python reads numbers of thousands of digits slowly, or refuses
# [0-9] rather than \d, and no underscore: `float` would read 1_000 and the digits of other scripts.
_WHOLE = re.compile(r"[+-]?[0-9]+")
_POINT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?([0-9]*|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+([eE][+-]?[0-9]+)?")  # 1,5 and 1.234,5
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+|(?<=,[0-9]{3},[0-9]{3}))")  # 1,234.5 and 1,234,567


class Cell(NamedTuple):
    """What a cell says.

    Attributes:
        value: the number; NaN where there is none.
        kind: "whole" (3), "point" (1.5), "comma" (1,5), "missing", "infinite", or "text".
    """

    value: float
    kind: Kind


_MISSING, _ENDLESS, _TEXT = Cell(math.nan, "missing"), Cell(math.nan, "infinite"), Cell(math.nan, "text")


def read_cell(cell: str) -> Cell:
    """Read a cell without spaces around it.

    A comma is a decimal comma, as in 1,5 or 1.234,5, but for 1,234.5 and 1,234,567, where it can only separate
    thousands. What begins with = or @ is a text like any other: nothing is ever computed.
    """
    lower = cell.lower()
    if lower in MISSING:
        return _MISSING
    if not _OF_A_NUMBER.fullmatch(cell):
        return _ENDLESS if lower in _INFINITE else _TEXT
    if _WHOLE.fullmatch(cell):
        return _number(cell, "whole")
    if _POINT.fullmatch(cell):
        return _number(cell, "point")
    if _THOUSANDS.fullmatch(cell):
        return _number(cell.replace(",", ""), "point")
    if _COMMA.fullmatch(cell):
        return _number(cell.replace(".", "").replace(",", "."), "comma")
    return _TEXT


def _number(text: str, kind: Kind) -> Cell:
    value = float(text)
    return Cell(value, kind) if math.isfinite(value) else _ENDLESS


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute this text."""
    return cell[:1] in ("=", "@") or (cell[:1] in ("+", "-") and len(cell) > 1)


def written(value: float) -> str:
    """A number as the name of a class or a series: 3 for 3.0."""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
