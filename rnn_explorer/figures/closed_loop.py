"""A series that a model goes on with by itself, beside the series and the forecast of one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_explorer.analysis.generate_report import ClosedLoop
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.style import MUTED, REFERENCE, cell_colour, legend, margin, plain, time_axis
from rnn_explorer.trace import Array

LARGEST = 1e38  # beyond it a free run counts as out of all bounds
ONE_STEP = "#8468C4"  # no cell's colour


def closed_loop(found: ClosedLoop | None, cell: str, value: int = 0) -> Figure:
    """The window that was read, how the series goes on, and what the model makes of it.

    Args:
        found: what was found; None: an empty figure.
        cell: the cell's key, for the colour of the free run.
        value: which of the values at a step is drawn, from 0.

    Raises:
        ValueError: when there is no such value.
    """
    if found is not None and not 0 <= value < len(found.names):
        raise ValueError(f"value is {value}, but this series has values 0 to {len(found.names) - 1}")
    read, last = (found.read, found.read + len(found.free)) if found else (0, 1)
    series = _column(found, value, "window", "truth")
    followed, free = _column(found, value, "one_step"), _column(found, value, "free")
    layout: dict[str, Any] = {
        "margin": margin(52, 12, 24, 36),
        "legend": legend(),
        "xaxis": time_axis(last),
        "yaxis": {
            "title": {"text": plain(found.names[value], 24) if found else "value", "standoff": 2},
            "range": _range(series),
            "nticks": 5,
        },
        "shapes": [_border(read)] if read else [],
    }
    when = list(found.when) if found else []
    data = [
        _line("series", np.arange(1, read + 1), series[:read], when[:read], {"color": MUTED, "width": 1.6}),
        _line("as it goes on", np.arange(read + 1, len(series) + 1), series[read:], when[read:],
              {"color": REFERENCE, "width": 1.8, "dash": "dash"}),
        _line("one-step forecast", np.arange(2, len(followed) + 2), followed, when[1:],
              {"color": ONE_STEP, "width": 1.4, "dash": "dot"}),
        _line("free run", np.arange(read + 1, read + 1 + len(free)), free, when[read:],
              {"color": cell_colour(cell), "width": 2.6}),
    ]  # fmt: skip
    return Figure(
        name="closed_loop",
        title=_title(found),
        how_to_read=(
            "From the upright line on, bold is what the model foretells when it reads its own forecasts; dotted, one "
            "step ahead when it reads the true values; dashed, what came."
        ),
        data=data,
        layout=layout,
        marks=[Mark("line")],
        table=_table(found),
    )


def _title(found: ClosedLoop | None) -> str:
    if found is None:
        return "Left to itself"
    title = f"{found.title}, left to itself after {found.read} steps"
    if found.beyond and not len(found.truth):
        return f"{title}: the {found.beyond} after the last that is known"
    if np.isnan(found.truth).all():  # or there is none
        return title
    horizon = found.horizon()
    whole = "all" if horizon == len(found.truth) else "the first"
    further = f", then {found.beyond} beyond its end" if found.beyond else ""
    return f"{title}: it follows the series for {whole} {horizon} of {len(found.truth)}{further}"


def _column(found: ClosedLoop | None, value: int, *parts: str) -> Array:
    """(time,) of some parts one after the other."""
    if found is None:
        return np.zeros(0)
    return np.concatenate([getattr(found, part)[:, value] for part in parts])


def _line(name: str, steps: Array, values: Array, when: list[str], line: dict[str, Any]) -> dict[str, Any]:
    """A line over time; where times have names, these are shown where the mouse rests."""
    known = np.where(np.abs(values) < LARGEST, values, np.nan)  # a gap where it is beyond all bounds
    labels = [f"<br>{plain(label, 40)}" for label in when[: len(values)]]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": steps.astype(np.int32),
        "y": known,
        "line": line,
        "customdata": labels + [""] * (len(values) - len(labels)),
        "hovertemplate": f"{name}, step %{{x}}%{{customdata}}<br>%{{y:.4g}}<extra></extra>",
    }


def _range(series: Array) -> list[float]:
    """Room for the series, which does not change while a model learns; a free run may leave it."""
    known = series[np.isfinite(series)]
    if not known.size:
        return [-1.0, 1.0]
    low, high = float(known.min()), float(known.max())
    room = 0.25 * (high - low or 1.0)
    return [low - room, high + room]


def _border(read: int) -> dict[str, Any]:
    at = read + 0.5
    line = {"color": REFERENCE, "width": 1.2}
    return {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _table(found: ClosedLoop | None) -> dict[str, Any]:
    """One row a step, from the first that is read to the last of the free run."""
    if found is None:
        return {"step": np.zeros(0, dtype=int)}
    count = found.read + len(found.free)
    table: dict[str, Any] = {"step": np.arange(1, count + 1)}
    if found.when:
        table["time"] = np.array([*found.when, *[""] * (count - len(found.when))], dtype=object)
    table["read"] = np.arange(1, count + 1) <= found.read
    for number, name in enumerate(found.names):
        series = np.concatenate([found.window[:, number], found.truth[:, number]])
        for what, values, first in (
            (name, series, 0),
            (f"one-step forecast of {name}", found.one_step[:, number], 1),
            (f"free run of {name}", found.free[:, number], found.read),
        ):
            column = np.full(count, np.nan)
            column[first : first + len(values)] = values[: count - first]
            table[what] = column
    return table
