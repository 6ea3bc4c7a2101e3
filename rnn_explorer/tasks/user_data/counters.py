"""Which columns of a table only count or tell the time: row numbers, running steps, indices, dates, timestamps.

To forecast one is no task, and as an input of a classification it stands for the place in the file: where that is
sorted by class, it gives the class away. Such columns are never read unless the user names them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from rnn_explorer.trace import Array

LEAST = 5  # values from which a pattern says anything
EVEN = 0.05  # share of a step by which another may differ: written numbers are rounded
MOSTLY = 0.9  # share of the steps that are alike; the others are gaps
RESTARTS = 1 / 3  # share of the steps that may begin anew, as a step within a series does
LONG = 20  # rows from which one that rises throughout stands for its place in the file

_IDS = frozenset(("id", "ids", "uuid"))
_TIMES = frozenset(
    ("time", "times", "timestamp", "timestamps", "datetime", "date", "dates", "t", "ts", "epoch", "unix", "utc", "step",
     "steps", "row", "rows", "index", "idx", "no", "nr", "seq", "sequence", "frame", "tick", "ticks", "sample",
     "elapsed", "unnamed")
)  # fmt: skip
_CLOCKS = frozenset(("time", "times", "timestamp", "timestamps", "datetime", "date", "dates", "epoch", "unix", "utc"))
_CALENDAR = {
    "year": (1500, 2200), "quarter": (1, 4), "month": (1, 12), "week": (0, 53), "weekday": (0, 7), "day": (0, 366),
    "hour": (0, 24), "minute": (0, 60),
}  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_UNIX = (315_532_800, 4_102_444_800)  # seconds from 1970: the years 1980 to 2100
_UNITS = {"seconds": 1, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
# Dates as one whole number: how many digits stand for what follows the month, as in 20240131 and 20240131235959.
_DATES = {"202401": 1, "20240131": 100, "202401312359": 10**6, "20240131235959": 10**8}


def counts(name: str, numbers: Array, groups: Sequence[Array], as_input: bool = False) -> str:
    """Why a column seems to count or to tell the time.

    Args:
        name: of the column.
        numbers: (rows,) NaN where there is none.
        groups: the rows of each series, in their order; a running number may begin anew with each.
        as_input: whether the column would be an input of a classification, for which whatever rises from the first row
            to the last stands for the place in the file.

    Returns:
        What it does, to follow its name in a sentence ("goes up by 0.1 from row to row"); "" for any other column.
    """
    whole_file = [np.arange(len(numbers))]
    found = _counts(name, numbers, groups, as_input)
    return found or (_counts(name, numbers, whole_file, as_input) if len(groups) > 1 else "")


def _counts(name: str, numbers: Array, groups: Sequence[Array], as_input: bool) -> str:
    known = numbers[~np.isnan(numbers)]
    if len(known) < LEAST:
        return ""
    runs = [run[~np.isnan(run)] for run in (numbers[rows] for rows in groups)]
    steps = np.concatenate([np.zeros(0), *(np.diff(run) for run in runs)])
    words = {word.lower() for word in _WORD.findall(name)}
    ordered = bool(len(steps)) and bool((steps >= 0).all() or (steps <= 0).all()) and bool(steps.any())
    named = bool(words & (_IDS | _TIMES | _CALENDAR.keys()))
    whole = bool((known == np.round(known)).all())
    found = _calendar(known, ordered or bool(words & _CLOCKS)) if whole or ordered else ""
    found = found or _evenly(runs, steps)
    if not found and whole and len(known) >= 2 * LEAST and _each_once(known):
        found = f"holds each whole number from {known.min():.0f} to {known.max():.0f} once"
    if not found and named and (ordered or (whole and _is_index(known, words))):
        found = "is called like an index or a time, and reads like one"
    if not found and as_input and len(known) >= LONG and _strictly(np.diff(known)):
        found = "rises or falls from the first row to the last, as a place in the file does"
    return found


def _calendar(known: Array, likely: bool) -> str:
    """Dates that are written as whole numbers, and times since 1970."""
    for example, below in _DATES.items():
        if _are_dates(known, len(example), below) and (likely or len(example) > 6):
            return f"holds dates such as {known[0]:.0f}"
    for unit, size in _UNITS.items():
        low, high = _UNIX[0] * size, _UNIX[1] * size
        if likely and low <= known.min() and known.max() <= high and len(np.unique(known)) >= LEAST:
            return f"holds times in {unit} since 1970"
    return ""


def _are_dates(known: Array, digits: int, below: int) -> bool:
    if not ((known >= 10.0 ** (digits - 1)) & (known < 10.0**digits) & (known == np.round(known))).all():
        return False
    year, month = np.divmod(known.astype(np.int64) // below, 100)
    if not ((year >= 1500) & (year <= 2200) & (month >= 1) & (month <= 12)).all() or len(np.unique(known)) < 3:
        return False
    rest = known.astype(np.int64) % below
    for limit in (31, 23, 59, 59)[: (digits - 6) // 2]:
        below //= 100
        part, rest = np.divmod(rest, below)
        if (part > limit).any() or (limit == 31 and (part < 1).any()):
            return False
    return True


def _evenly(runs: Sequence[Array], steps: Array) -> str:
    """The same step over and over, perhaps held for some rows, with gaps, or begun anew."""
    moves = steps[steps != 0]
    if len(moves) < LEAST - 1:
        return ""
    sign = float(np.sign(np.median(moves)))
    ahead = moves[moves * sign > 0] * sign
    if len(ahead) < LEAST - 1:
        return ""
    typical = float(np.median(ahead))
    even = np.abs(ahead - typical) <= EVEN * typical
    if even.mean() < MOSTLY or (ahead[~even] < typical).any():
        return ""
    back = len(moves) - len(ahead)
    if back and (len(moves) < len(steps) or back > RESTARTS * len(steps) or not _begins_anew(runs, sign, typical)):
        return ""
    way = "up" if sign > 0 else "down"
    often = "from row to row" if len(moves) == len(steps) else "every few rows"
    return f"goes {way} by {typical:.4g} {often}" + (", and begins anew" if back else "")


def _begins_anew(runs: Sequence[Array], sign: float, typical: float) -> bool:
    """Whether each step back leads to where the run began."""
    return all((np.abs(run[1:][np.diff(run) * sign < 0] - run[0]) <= 1.5 * typical).all() for run in runs if len(run))


def _each_once(known: Array) -> bool:
    return len(np.unique(known)) == len(known) == known.max() - known.min() + 1


def _is_index(known: Array, words: set[str]) -> bool:
    """Whether whole numbers under such a name are an index, or a part of a date."""
    if words & _IDS:
        return True
    if words & {"index", "idx"} and len(np.unique(known)) == len(known) > np.ptp(known) / 10:
        return True
    spans = [span for word, span in _CALENDAR.items() if word in words]
    return any(low <= known.min() and known.max() <= high for low, high in spans)


def _strictly(steps: Array) -> bool:
    return bool((steps > 0).all() or (steps < 0).all())
