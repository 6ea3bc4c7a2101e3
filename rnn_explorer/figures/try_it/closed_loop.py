"""A series that a model goes on with by itself, beside the series and the forecast of one step."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.generate.record import TOLERANCE, ClosedLoop
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    COMPUTED,
    MUTED,
    REFERENCE,
    cell_color,
    cell_marker,
    fade,
    legend,
    margin,
    plain,
    saying,
    time_axis,
)
from rnn_explorer.figures.try_it import samples
from rnn_explorer.trace import Array

LARGEST = 1e38  # beyond it a free run counts as out of all bounds
_MARKS = 16  # on the free-running forecast, at most: it is told from gray by its shape, too
_ROOM = (0.25, 1.0)  # of the series' span that the plot has above and below: as it is, and where a free run needs more
ONE_STEP = "#8468C4"  # no cell's color


def closed_loop(found: ClosedLoop | None, cell: str, value: int = 0) -> Figure:
    """The window that was read, how the series goes on, and what the model makes of it.

    Args:
        found: what was found; None: an empty figure.
        cell: the cell's key, for the color of the free run.
        value: which of the values at a step is drawn, from 0.

    Raises:
        ValueError: when there is no such value.
    """
    if found is not None and not 0 <= value < len(found.names):
        raise ValueError(f"value is {value}, but this series has values 0 to {len(found.names) - 1}")
    read, last = (found.read, found.read + len(found.free)) if found else (0, 1)
    series = _column(found, value, "window", "truth")
    followed, free = _column(found, value, "one_step"), _column(found, value, "free")
    ends = _range(series, free)
    layout: dict[str, Any] = {
        "margin": margin(52, 12, 24, 36),
        "legend": legend(),
        "xaxis": time_axis(last),
        "yaxis": {
            "title": {"text": plain(found.names[value], 24) if found else "value", "standoff": 2},
            "range": ends,
            "nticks": 5,
        },
        "shapes": [_border(read)] if read else [],
        "annotations": [],
    }
    known = found is not None and not np.isnan(found.truth).all()
    if found is not None and known and found.horizon() < len(found.truth):
        _mark_lost(layout, read + found.horizon() + 1)
    when = list(found.when) if found else []
    data = [
        _band(found, value, read),
        _line("series", np.arange(1, read + 1), series[:read], when[:read], {"color": MUTED, "width": 1.6}),
        _line("as it goes on", np.arange(read + 1, len(series) + 1), series[read:], when[read:],
              {"color": REFERENCE, "width": 1.8, "dash": "dash"}),
        _line("one-step forecast", np.arange(2, len(followed) + 2), followed, when[1:],
              {"color": ONE_STEP, "width": 1.4, "dash": "dot"}),
        _line("free-running forecast", np.arange(read + 1, read + 1 + len(free)), free, when[read:],
              {"color": cell_color(cell), "width": 2.6}, cell_marker(cell)),
        _exits(free, read, ends, cell),
    ]  # fmt: skip
    return Figure(
        name="closed_loop",
        title=_title(found),
        how_to_read=_how(known, free, read, ends),
        data=data,
        layout=saying(layout, COMPUTED if found is None else ""),
        marks=[Mark("line")],
        table=_table(found),
    )


def _title(found: ClosedLoop | None) -> str:
    if found is None:
        return "Free-running forecast"
    title = f"{found.title}, free-running forecast after {found.read} time steps"
    if found.beyond and not len(found.truth):
        return f"{title}: the {found.beyond} after the last that is known"
    if np.isnan(found.truth).all():  # or there is none
        return title
    horizon = found.horizon()
    whole = "all" if horizon == len(found.truth) else "the first"
    further = f", then {found.beyond} beyond its end" if found.beyond else ""
    return f"{title}: within {TOLERANCE:g} SD of the series for {whole} {horizon} of {len(found.truth)}{further}"


def _how(known: bool, free: Array, read: int, ends: list[float]) -> str:
    """Names what is drawn and nothing else."""
    words = "From the upright line on, bold is the free-running forecast, which reads its own forecasts"
    words += "; dotted, one time step ahead of the true values"
    if known:
        words += f"; dashed, what came, in a band of {TOLERANCE:g} standard deviations of the training part"
    out = np.flatnonzero(_outside(free, ends))
    if len(out):
        first, size = read + 1 + int(out[0]), float(np.abs(np.where(np.isfinite(free), free, 0)).max())
        if not np.isfinite(free).all():
            far = "beyond all numbers"
        else:
            far = f"up to {size:.3g} in size"
        words += f"; ▲▼ it leaves the plot at time step {first} ({far})"
    return f"{words}."


def _outside(free: Array, ends: list[float]) -> Array:
    """(steps,) bool: where the free run lies outside the plot, or is no number."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~((free >= ends[0]) & (free <= ends[1])))


def _exits(free: Array, read: int, ends: list[float], cell: str) -> dict[str, Any]:
    """A mark at the plot's edge wherever the free run goes out of it."""
    outside = _outside(free, ends)
    first = np.flatnonzero(outside & ~np.append(False, outside[:-1]))
    down = free[first] < ends[0]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "leaves the plot",
        "showlegend": bool(len(first)),
        "x": (first + read + 1).astype(np.int32),
        "y": np.where(down, ends[0], ends[1]),
        "marker": {
            "symbol": ["triangle-down" if low else "triangle-up" for low in down],
            "size": 11,
            "color": cell_color(cell),
        },
        "cliponaxis": False,
        "customdata": [f"{number:.3g}" if np.isfinite(number) else "no number" for number in free[first].tolist()],
        "hovertemplate": "free-running forecast, t = %{x}<br>%{customdata}<extra></extra>",
    }


def _band(found: ClosedLoop | None, value: int, read: int) -> dict[str, Any]:
    """What counts as following: the series after the window, give or take the tolerance; an outline a stretch."""
    gap = np.array([np.nan])
    x, y = [np.zeros(0)], [np.zeros(0)]
    if found is not None:
        truth, room = found.truth[:, value].astype(np.float64), TOLERANCE * float(found.scale[value])
        known = np.flatnonzero(np.isfinite(truth))
        for stretch in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(known) else []:
            steps = np.concatenate([stretch, stretch[::-1]])
            x += [steps + read + 1.0, gap]
            y += [truth[steps] + room * np.repeat([1, -1], len(stretch)), gap]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"± {TOLERANCE:g} SD",
        "x": np.concatenate(x),
        "y": np.concatenate(y),
        "fill": "toself",
        "fillcolor": fade(MUTED, 0.18),
        "line": {"width": 0, "color": fade(MUTED, 0.18)},
        "showlegend": len(x) > 1,
        "hoverinfo": "skip",
    }


def _mark_lost(layout: dict[str, Any], step: int) -> None:
    """Where the free run leaves the band for the first time."""
    line = {"color": REFERENCE, "width": 1.2, "dash": "dot"}
    layout["shapes"].append({"type": "line", "x0": step, "x1": step, "yref": "paper", "y0": 0, "y1": 1, "line": line})
    layout["annotations"].append(
        {"text": f"off by more than {TOLERANCE:g} SD", "x": step, "yref": "paper", "y": 0.01, "xanchor": "left",
         "yanchor": "bottom", "showarrow": False, "font": {"size": 10}, "borderpad": 2}
    )  # fmt: skip


def _column(found: ClosedLoop | None, value: int, *parts: str) -> Array:
    """(time,) of some parts one after the other."""
    if found is None:
        return np.zeros(0)
    return np.concatenate([getattr(found, part)[:, value] for part in parts])


def _line(
    name: str, steps: Array, values: Array, when: list[str], line: dict[str, Any], mark: str = ""
) -> dict[str, Any]:
    """A line over time, with some marks where there is one; the names of times are shown where the mouse rests."""
    known = np.where(np.abs(values) < LARGEST, values, np.nan)  # a gap where it is beyond all bounds
    labels = [f"<br>{plain(label, 40)}" for label in when[: len(values)]]
    return {
        "type": "scatter",
        "mode": "lines+markers" if mark else "lines",
        "name": name,
        "x": steps.astype(np.int32),
        "y": known,
        "line": line,
        **({"marker": {"symbol": mark, "size": 7, "maxdisplayed": _MARKS}} if mark else {}),
        "customdata": labels + [""] * (len(values) - len(labels)),
        "hovertemplate": f"{name}, t = %{{x}}%{{customdata}}<br>%{{y:.4g}}<extra></extra>",
    }


def _range(series: Array, free: Array) -> list[float]:
    """Room for the series; more of it, in one jump, for a free run that needs more."""
    known = series[np.isfinite(series)]
    if not known.size:
        return [-1.0, 1.0]
    low, high = float(known.min()), float(known.max())
    span = high - low or 1.0
    near, far = ([low - room * span, high + room * span] for room in _ROOM)
    return far if _outside(free, near).any() else near


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
            (f"free-running forecast of {name}", found.free[:, number], found.read),
        ):
            column = np.full(count, np.nan)
            column[first : first + len(values)] = values[: count - first]
            table[what] = column
    return table


@FIGURES.register("closed_loop")
def _examples() -> Examples:
    long = samples.closed_loop(100, 200, 300, values=3)
    odd = dataclasses.replace(long, title=HOSTILE, names=(HOSTILE, "b", "c"), when=(HOSTILE,) * 300)
    wild = dataclasses.replace(samples.closed_loop(), free=np.array([[5.0], [1e3], [1e9], [6.0], [-1e4]]))
    return {
        USUAL: partial(closed_loop, samples.closed_loop(), "gru"),
        EMPTY: partial(closed_loop, None, "gru"),
        EXTREME: partial(closed_loop, odd, "gru"),
        "beyond its end": partial(closed_loop, samples.closed_loop(truth=0), "gru"),
        "a part beyond its end": partial(closed_loop, samples.closed_loop(truth=3, when=False), "lstm"),
        "leaving": partial(closed_loop, wild, "rnn"),
    }
