"""What one cell of a table says: a number, nothing, or a text."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Literal, NamedTuple

Kind = Literal["whole", "point", "comma", "open", "missing", "infinite", "text"]

# What spreadsheets and programs write where there is no value, in lower case.
MISSING = frozenset(
    ("", "na", "n/a", "nan", "null", "none", "nil", "missing", "-", "--", "−", "–", "—", "?", ".", "#n/a", "#na",
     "<na>", "#value!", "#div/0!", "#ref!", "#num!", "#null!", "#name?")
)  # fmt: skip
_INFINITE = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity", "∞"))
PLAIN = frozenset("0123456789+-.eE")  # letters of numbers that `float` reads as they are meant
CURRENCIES = frozenset(("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN"))

_LONGEST = 60  # characters of a number: Python reads numbers of thousands of digits slowly, or refuses
_OF_A_NUMBER = re.compile(rf"[-+.,0-9eE]{{1,{_LONGEST}}}")
# [0-9] rather than \d, and no underscore: `float` would read the digits of other scripts, and 1_2.
_WHOLE = re.compile(r"[+-]?[0-9]+")
_POINT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_POINT_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")  # 1,234 and 1,234.5
_COMMA_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]+)?")  # 1.234 and 1.234,5
_MINUS = "−–‐‑﹣－"  # the minus signs of typesetting
_DRESSED = re.compile(
    rf"(?P<sign>[-+{_MINUS}])?\s*(?P<before>\D{{1,3}}?)??\s*(?P<inner>[-+{_MINUS}])?"
    r"(?P<number>[.,]?[0-9](?:[0-9.,'’_\s]*[0-9.])?(?:[eE][+-]?[0-9]+)?)\s*(?P<after>\D{1,3})?"
)
# Digits in groups of three that no decimal sign separates: 1 234 567,8 and 1'234 and 1_200.
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(?P<mark>['’_\s])[0-9]{3})(?:(?P=mark)[0-9]{3})*(?:[.,][0-9]+)?")
_LIKE_A_NUMBER = re.compile(r"[^\w]*[0-9]|true$|false$", re.IGNORECASE)
_FORMULA = re.compile(r"[=@]|[+-][A-Za-z(]")


class Cell(NamedTuple):
    """What a cell says.

    Attributes:
        value: the number, with a decimal point where both are possible; NaN where there is none.
        kind: "whole" (3), "point" (1.5 or 1,234.5), "comma" (1,5 or 1.234,5), "open" (1,234 or 1.234: thousands or
            a decimal sign), "missing", "infinite", or "text".
        comma: the number where a comma is the decimal sign; differs from `value` for "open" alone.
        unit: "%", "‰", or the sign or letters of a currency; "" for none.
        odd: whether it has digits in groups, or another minus than that of the keyboard.
    """

    value: float
    kind: Kind
    comma: float = math.nan
    unit: str = ""
    odd: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind in ("whole", "point", "comma", "open")


_MISSING, _ENDLESS, _TEXT = Cell(math.nan, "missing"), Cell(math.nan, "infinite"), Cell(math.nan, "text")


def read_cell(cell: str) -> Cell:
    """Read a cell without spaces around it.

    A sign of percent or of a currency is kept as the unit, and the number stays as it is written: 5 % is 5. What begins
    with = or @ is a text like any other: nothing is ever computed.
    """
    lower = cell.lower()
    if lower in MISSING:
        return _MISSING
    if _OF_A_NUMBER.fullmatch(cell):
        return _number(cell)
    if lower in _INFINITE:
        return _ENDLESS
    return _dressed(cell) if len(cell) <= _LONGEST else _TEXT


def _number(text: str) -> Cell:
    """Read what consists of digits, signs, points and commas."""
    if _WHOLE.fullmatch(text):
        return _finite(float(text), "whole")
    point = comma = math.nan
    grouped = False
    if _POINT.fullmatch(text):
        point = float(text)
    elif _POINT_THOUSANDS.fullmatch(text):
        point, grouped = float(text.replace(",", "")), True
    if _COMMA.fullmatch(text):
        comma = float(text.replace(",", "."))
    elif _COMMA_THOUSANDS.fullmatch(text):
        comma, grouped = float(text.replace(".", "").replace(",", ".")), True
    if math.isnan(point) and math.isnan(comma):
        return _TEXT
    if math.isnan(point):
        return _finite(comma, "comma")._replace(odd=grouped)
    if math.isnan(comma):
        return _finite(point, "point")._replace(odd=grouped)
    return Cell(point, "open", comma)


def _finite(value: float, kind: Kind) -> Cell:
    return Cell(value, kind, value) if math.isfinite(value) else _ENDLESS


def _dressed(cell: str) -> Cell:
    """Read a number with a unit, with groups of digits, or with a minus of typesetting."""
    found = _DRESSED.fullmatch(cell)
    if not found or (found["sign"] and found["inner"]):
        return _TEXT
    before, after = (found["before"] or "").strip(), (found["after"] or "").strip()
    sign, digits = found["sign"] or found["inner"] or "", found["number"]
    if (before and after) or not all(map(_is_unit, (before, after))) or before in ("%", "‰"):
        return _TEXT
    groups = _GROUPED.fullmatch(digits)
    if groups:
        digits = digits.replace(groups["mark"], "")
    if not _OF_A_NUMBER.fullmatch(digits):
        return _TEXT
    read = _number(("-" if sign in _MINUS and sign else sign) + digits)
    if not read.is_number:
        return read
    return read._replace(unit=before or after, odd=read.odd or bool(groups) or (sign != "" and sign in _MINUS))


def _is_unit(text: str) -> bool:
    return text in ("", "%", "‰") or text in CURRENCIES or (len(text) == 1 and unicodedata.category(text) == "Sc")


def begins_with_zero(cell: str) -> bool:
    """Whether it is a whole number such as 01, which as a label is another one than 1."""
    return bool(re.fullmatch(r"[+-]?0[0-9]+", cell))


def like_a_number(text: str) -> bool:
    """Whether a text was plausibly meant as a number: 20 kg, <5, 0xc8, 12:30, TRUE."""
    return bool(_LIKE_A_NUMBER.match(text))


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute this text."""
    return bool(_FORMULA.match(cell))


def written(value: float) -> str:
    """A number as the name of a class or a series: 3 for 3.0. Different numbers have different names."""
    return f"{value:.0f}" if value.is_integer() and abs(value) <= 2.0**53 else repr(value)
