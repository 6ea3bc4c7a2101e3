"""Numbers of a table as a network reads them: in standard deviations of the training part, without gaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.tasks.user_data.limits import DataError, quoted
from rnn_explorer.trace import Array

BEYOND = 1e6  # standard deviations: squared, such a number alone would decide every loss
FAR = 100.0  # standard deviations from which a number is reported
FEW = 3  # values of the training part that count as its outliers, or 1 % of them where that is more

Where = Callable[[int, int], tuple[str, str]]


def moments(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column over the values that are there; a constant column has exactly 0.

    They are found from the distances to the first value, in units of the largest of these: so neither do squares of
    tiny numbers vanish nor do small differences of large ones.

    Args:
        values: (rows, columns) float64, NaN where there is no value; each column has at least one.
    """
    first = values[np.argmax(~np.isnan(values), axis=0), np.arange(values.shape[1])]
    apart = values - first
    size = np.nanmax(np.abs(apart), axis=0)
    shares = apart / np.where(size > 0, size, 1.0)
    return first + size * np.nanmean(shares, axis=0), size * np.nanstd(shares, axis=0)


def normalized(whole: Array, training: Array, mean: Array, scale: Array, where: Where) -> tuple[Array, list[str]]:
    """Numbers in standard deviations from the mean of the training part.

    Args:
        whole: (rows, columns) float64, NaN where there is no value.
        training: (rows,) bool, which belong to the training part.
        mean, scale: (columns,) of that part; no scale is 0.
        where: the column's name and the place in words of a position, such as "row 12".

    Returns:
        (rows, columns) float32, NaN as before, and remarks on numbers that are far off.

    Raises:
        DataError: names the number beside which all others would vanish.
    """
    with np.errstate(over="ignore"):
        found = (whole - mean) / scale
    notes = []
    for column in range(whole.shape[1]):
        values = whole[:, column]
        off = _off(values, training, float(scale[column]))
        _refuse_beyond(values, off, training, column, where)
        far = np.abs(np.nan_to_num(found[:, column]))
        if far.max(initial=0) > FAR:
            notes.append(_far_note(values, far, column, where))
    return found.astype(np.float32), notes


def _off(values: Array, training: Array, scale: float) -> Array:
    """(rows,) how far each value is from the middle of the training part, in what its usual values differ by."""
    known = values[training & ~np.isnan(values)]
    middle = float(np.median(known))
    apart = np.sort(np.abs(known - middle))
    usual = apart[: max(len(apart) - max(FEW, math.ceil(0.01 * len(apart))), 1)]
    core = float(usual[-1]) * float(np.sqrt(np.mean((usual / usual[-1]) ** 2))) if usual[-1] > 0 else scale
    with np.errstate(over="ignore"):
        return np.abs(np.nan_to_num(values - middle)) / core


def _refuse_beyond(values: Array, off: Array, training: Array, column: int, where: Where) -> None:
    beyond = np.flatnonzero(off > BEYOND)
    if not len(beyond):
        return
    row = int(beyond[np.argmax(off[beyond])])
    name, place = where(row, column)
    others = f" (and {counted(len(beyond) - 1, 'other number')} like it)" if len(beyond) > 1 else ""
    part = "the rest" if training[row] else "the training part"
    raise DataError(
        f"The column {quoted(name)} holds {values[row]:.4g} in {place}{others}, which is beyond all comparison with "
        f"{part}: beside it all other numbers would vanish. Correct it, leave that row out, or choose another column."
    )


def _far_note(values: Array, far: Array, column: int, where: Where) -> str:
    row = int(far.argmax())
    name, place = where(row, column)
    count = int((far > FAR).sum())
    others = f", and {counted(count - 1, 'other number')} more than {FAR:g}" if count > 1 else ""
    return (
        f"The column {quoted(name)} holds {values[row]:.4g} in {place}, {far[row]:,.0f} standard deviations from the "
        f"mean of the training part{others}; errors of that size decide the whole loss, so see that it is right."
    )


def carried(values: Array, begins: Sequence[int] | Array) -> Array:
    """Gaps closed with the last value before them, within each stretch; before the first value 0, the training mean.

    Args:
        values: (rows, columns) normalized, NaN where there is no value.
        begins: (stretches,) where each begins, in ascending order, the first at 0: nothing is carried into another.
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    rows = np.arange(len(values))
    begin = np.zeros(len(values), dtype=np.int64)
    begin[np.asarray(begins, dtype=np.int64)[np.asarray(begins) < len(values)]] = 1
    begin = np.maximum.accumulate(np.where(begin > 0, rows, 0))  # of the stretch that each row belongs to
    last = np.maximum.accumulate(np.where(gaps, -1, rows[:, None]), axis=0)
    found = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= begin[:, None], found, 0.0).astype(values.dtype)
