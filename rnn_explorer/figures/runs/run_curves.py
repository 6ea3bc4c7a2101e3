"""The learning curves of several runs in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np

from rnn_explorer.cells import CELLS
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.curves import decimate, running_mean
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import cell_color, fade, legend, margin, nice_ceiling, plain, saying
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array

Over = Literal["optimizer step", "epoch", "seconds of training"]
OVER: tuple[Over, ...] = get_args(Over)
MOST_POINTS = 250  # in one line: each is a mark that can be clicked
FAR = 20.0  # times the upper middle of what is drawn: nothing above is waited for
NOTHING = "Choose runs in the table above to see their curves."
NOT_THERE = "The chosen runs have no such curve yet."

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SHADES = (0.0, -0.25, 0.4)  # toward black, toward white
_SPREAD = {"seconds of training": "; seconds are those in training on this server, pauses left out"}


@dataclass(frozen=True, eq=False)
class RunCurve:
    """One curve of a run.

    Attributes:
        run_id: is told when the curve is clicked.
        name: for people.
        detail: what tells it from runs of the same name, in words; "" for nothing.
        cell: the cell's key, for color and dash.
        places: (rows,) where on the horizontal axis each value stands, ascending.
        values: (rows,) what was measured there.
    """

    run_id: str
    name: str
    cell: str
    places: Array
    values: Array
    detail: str = ""

    @property
    def label(self) -> str:
        """Its name in the legend, in one line or two."""
        return plain(self.name, 25) + (f"<br>{plain(self.detail, 25)}" if self.detail else "")


def run_curves(
    curves: Sequence[RunCurve],
    quantity: str = "validation loss",
    over: Over = "optimizer step",
    half_life: float = 0.0,
    log: bool = False,
) -> Figure:
    """One quantity of several runs over the same axis.

    A cell has its color; runs of the same cell differ in dash and shade.

    Args:
        curves: a curve each; none: the figure says what to do.
        quantity: what is drawn, in words.
        over: what the horizontal axis is.
        half_life: rows after which a value weighs half in the smoothed curve; 0: not smoothed.
        log: whether the vertical axis is logarithmic.
    """
    drawn = [(curve, *_finite(curve, log)) for curve in curves]
    lines = [(curve, x, y, running_mean(y, half_life) if half_life else y) for curve, x, y in drawn]
    data: list[dict[str, Any]] = []
    used: dict[str, int] = {}
    for curve, x, y, smooth in lines:
        number = used.get(curve.cell, 0)
        used[curve.cell] = number + 1
        color, dash = _look(curve.cell, number)
        index = decimate(len(x), MOST_POINTS)
        if half_life:
            data.append(_raw(curve, x[index], y[index], color))
        data.append(_line(curve, x[index], smooth[index], color, dash, over, quantity))
    end = nice_ceiling(max((float(x[-1]) for _, x, *_ in lines if len(x)), default=0.0))
    extent = _extent([smooth for *_, smooth in lines], log)
    layout: dict[str, Any] = {
        "margin": margin(50, 190, 34, 40),
        "legend": legend(orientation="v", x=1.01, xanchor="left", yanchor="top", tracegroupgap=0),
        "annotations": [],
        "hovermode": "closest",
        "xaxis": {"title": {"text": over, "standoff": 4}, "range": [-0.01 * end, 1.01 * end], "zeroline": False},
        "yaxis": {
            "title": {"text": plain(quantity) + (", log scale" if log else ""), "standoff": 4},
            "type": "log" if log else "linear",
            "range": extent,
            "zeroline": False,
        },
    }
    shown = any(len(x) for _, x, *_ in lines)
    how = "Click a curve to open its run. A color is a cell; runs of one cell differ in dash and shade"
    how += "; faint is what was measured, the line its running mean" if half_life else ""
    return Figure(
        name="run_curves",
        title=f"{quantity[:1].upper()}{quantity[1:]} of the chosen runs",
        how_to_read=how + _SPREAD.get(over, "") + ".",
        data=data,
        layout=saying(layout, "" if shown else NOT_THERE if curves else NOTHING),
        table=Later(lambda: _table(lines, over, quantity)),
    )


def _finite(curve: RunCurve, log: bool) -> tuple[Array, Array]:
    places, values = (np.asarray(part, dtype=np.float64) for part in (curve.places, curve.values))
    is_there = np.isfinite(places) & np.isfinite(values)
    if log:
        is_there &= values > 0
    return places[is_there], values[is_there]


def _look(cell: str, number: int) -> tuple[str, str]:
    """Color and dash of a cell's run, by how many of that cell came before it."""
    own = CELLS.get(cell).dash if cell in CELLS else "solid"
    dashes = (own, *(dash for dash in _DASHES if dash != own))
    share = _SHADES[number % len(_SHADES)]
    end = 255 if share > 0 else 0
    color = cell_color(cell)
    parts = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    mixed = "#" + "".join(f"{round(part + (end - part) * abs(share)):02X}" for part in parts)
    return mixed, dashes[number % len(dashes)]


def _raw(curve: RunCurve, x: Array, y: Array, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{curve.label}, raw",
        "legendgroup": curve.run_id,
        "showlegend": False,
        "x": x,
        "y": y.astype(np.float32),
        "line": {"color": fade(color, 0.3), "width": 1},
        "hoverinfo": "skip",
    }


def _line(curve: RunCurve, x: Array, y: Array, color: str, dash: str, over: str, quantity: str) -> dict[str, Any]:
    # What cannot be seen can be clicked: Plotly tells of clicks on marks alone. One row alone is seen as its mark.
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": curve.label,
        "legendgroup": curve.run_id,
        "showlegend": True,
        "x": x,
        "y": y.astype(np.float32),
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"color": color if len(x) == 1 else "rgba(0,0,0,0)", "size": 8},
        "hovertemplate": f"%{{fullData.name}}<br>{over} %{{x:,.4~r}}: {plain(quantity)} %{{y:.4g}}<extra></extra>",
    }


def _extent(lines: Sequence[Array], log: bool) -> list[float]:
    """The ends of the vertical axis: all that is drawn, but for what blew up."""
    every = np.concatenate([np.zeros(0), *lines])
    every = every[np.isfinite(every) & (np.abs(every) < 1e12)]
    if not every.size:
        return [-2.0, 0.0] if log else [0.0, 1.0]
    low, high = float(every.min()), float(every.max())
    typical = float(np.quantile(every, 0.75))
    if typical > 0:
        high = min(high, FAR * typical)
    if log:
        low, high = float(np.log10(max(low, high * 1e-9))), float(np.log10(high))
    room = 0.05 * (high - low) or 0.05 * max(abs(high), 1e-6)
    return [low - room, high + room]


def _table(lines: Sequence[tuple[RunCurve, Array, Array, Array]], over: str, quantity: str) -> dict[str, Any]:
    def joined(parts: list[Array]) -> Array:
        return np.concatenate([np.zeros(0), *parts])

    return {
        "run": [curve.run_id for curve, x, *_ in lines for _ in x],
        "name": [" ".join((curve.name, curve.detail)).strip() for curve, x, *_ in lines for _ in x],
        over: joined([x for _, x, *_ in lines]),
        quantity: joined([y for *_, y, _ in lines]),
        "running mean": joined([smooth for *_, smooth in lines]),
    }


@FIGURES.register("run_curves")
def _examples() -> Examples:
    def curve(number: int, rows: int, cell: str, name: str) -> RunCurve:
        places = np.linspace(0, 300, rows)
        noise = 1 + 0.1 * np.sin(np.arange(rows) * (number + 1.3))
        return RunCurve(f"r{number}", name, cell, places, noise * (number + 2) / (1 + places / 50))

    few = [curve(n, 60, cell, f"{cell} on names") for n, cell in enumerate(("rnn", "lstm", "gru", "lstm"))]
    few[3] = replace(few[3], detail="learning rate 0.01")
    many = [curve(n, 10_000, "lstm" if n % 2 else "an unknown cell", f"{n} {HOSTILE}") for n in range(12)]
    return {
        USUAL: partial(run_curves, few),
        EMPTY: partial(run_curves, ()),
        EXTREME: partial(run_curves, many, f"validation {HOSTILE}", "seconds of training", 30.0, True),
        "no row yet": partial(run_curves, [curve(0, 0, "gru", "new")], half_life=3.0),
        "one row": partial(run_curves, [curve(0, 1, "gru", "new")], "training loss", "epoch"),
    }
