"""Points in time, as people and programs write them: recognized in any common format, and read as seconds."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence

import numpy as np

from rnn_explorer.trace import Array

_NUMBERS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
    "october": 10, "november": 11, "december": 12, "januar": 1, "februar": 2, "märz": 3, "mai": 5, "juni": 6,
    "juli": 7, "oktober": 10, "dezember": 12,
}  # fmt: skip
_MONTHS = {name[:length]: number for name, number in _NUMBERS.items() for length in range(3, len(name) + 1)}
_CLOCK = (
    r"(?:(?:[T ]|,? +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:[.,][0-9]{1,9})?))?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_YEAR, _TWO = r"(?P<year>[0-9]{4})", r"[0-9]{1,2}"
_WORD = r"(?P<month>[A-Za-zä]{3,9})\.?"
_WEEKDAY = r"(?:[A-Za-z]{2,9}\.?,? )?"
_FORMS = tuple(
    re.compile(form + _CLOCK)
    for form in (
        rf"{_YEAR}(?P<mark>[-/.])(?P<month>{_TWO})(?P=mark)(?P<day>{_TWO})",  # 2024-01-31, 2024/1/31
        r"(?P<year>[12][0-9]{3})(?P<month>[01][0-9])(?P<day>[0-3][0-9])",  # 20240131
        rf"{_YEAR}[-/](?P<month>{_TWO})",  # 2024-01
        rf"(?P<one>{_TWO})(?P<mark>[-/.])(?P<two>{_TWO})(?P=mark) ?(?P<year>[0-9]{{4}}|[0-9]{{2}})",  # 31.1.2024
        rf"{_WEEKDAY}(?P<day>{_TWO})\.?[- ]{_WORD}[- ,]{{1,2}}(?P<year>[0-9]{{4}}|[0-9]{{2}})",  # 31 Jan 2024
        rf"{_WEEKDAY}{_WORD}[- ](?P<day>{_TWO})(?:st|nd|rd|th)?,? {_YEAR}",  # Jan 31, 2024
        rf"{_WORD}[- ]{_YEAR}",  # Jan 2024
    )
)
_ORDERS = ("day first", "month first")


def parse_timestamps(texts: Sequence[str]) -> Array | None:
    """Read texts as points in time.

    Read are ISO dates, with T or a space before a time and with a zone, y/m/d, d.m.y, d/m/y, m/d/y, 20240131,
    31 Jan 2024, Jan 31, 2024, months alone (2024-01, Jan 2024), and all of them with times. Whether the day or the
    month comes first in 3/4/2024 is decided by all texts together: by one that has no other reading, else by the order
    in which they stand.

    Args:
        texts: one for each row; an empty one is no point in time.

    Returns:
        (rows,) float64, seconds since 1970 (of UTC where a zone is given, else of the file's own clock), NaN for the
        empty ones; None where any other text is no point in time, or all are empty.
    """
    form = _FORMS[0]
    fields: list[re.Match[str] | None] = []
    for text in texts:
        text = text.strip()
        if not text:
            fields.append(None)
            continue
        found = form.fullmatch(text)
        if not found:  # most files have one form throughout
            form = next((other for other in _FORMS if other.fullmatch(text)), form)
            found = form.fullmatch(text)
        if not found:
            return None
        fields.append(found)
    if not any(fields):
        return None
    is_open = any(found is not None and "one" in found.re.groupindex for found in fields)
    orders = _ORDERS if is_open else _ORDERS[:1]
    readings = [seconds for order in orders if (seconds := _all_seconds(fields, order)) is not None]
    if not readings:
        return None
    return max(readings, key=_rising)  # the first of them where there is a draw


def _rising(seconds: Array) -> int:
    """How many steps go forward in time."""
    return int((np.diff(seconds[~np.isnan(seconds)]) > 0).sum())


def _all_seconds(fields: Sequence[re.Match[str] | None], order: str) -> Array | None:
    seconds = np.full(len(fields), math.nan)
    for row, found in enumerate(fields):
        if found is not None:
            value = _seconds(found, order)
            if value is None:
                return None
            seconds[row] = value
    return seconds


def _seconds(found: re.Match[str], order: str) -> float | None:
    """Seconds since 1970; None where there is no such day or time."""
    parts = found.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 70 else 1900
    if "one" in parts:
        day, month = (int(parts[name]) for name in (("one", "two") if order == "day first" else ("two", "one")))
    else:
        named = parts["month"]
        known = int(named) if named.isdigit() else _MONTHS.get(named.lower())
        if known is None:
            return None
        month, day = known, int(parts.get("day") or 1)
    hour, minute, second = int(parts["hour"] or 0), int(parts["minute"] or 0), parts["second"] or "0"
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (parts["half"][0] in "pP")
    try:
        days = datetime.date(year, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    if hour > 24 or minute > 59 or float(second.replace(",", ".")) > 61:
        return None
    return days * 86400.0 + hour * 3600 + minute * 60 + float(second.replace(",", ".")) - _offset(parts["zone"])


def _offset(zone: str | None) -> float:
    """Seconds by which a zone is before UTC."""
    if not zone or zone[0] not in "+-":
        return 0.0
    size = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return float(size if zone[0] == "+" else -size)
