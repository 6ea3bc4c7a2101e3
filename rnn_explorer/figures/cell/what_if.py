"""What the model did with one sequence and what it would have done: its states, how far apart they are, its answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.cell_internals.record import Rollout, WhatIf
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.cell import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    CHANGED,
    CLASS_COLORS,
    COMPUTED,
    MUTED,
    cell_color,
    legend,
    margin,
    nice_ceiling,
    plain,
    saying,
    signed_limit,
    time_axis,
)
from rnn_explorer.trace import Array

MOST_OUTPUTS = 4  # drawn over time
_PAIR = (("original", "solid"), ("changed", "dash"))


def what_if(result: WhatIf | None, unit: int | None = None) -> Figure:
    """One unit's hidden state over time, original and changed, and the distance of the whole state.

    Args:
        result: what was found; None: an empty figure.
        unit: from 0; None: the one that changed most.
    """
    length = result.length if result else 1
    drawn = _most_changed(result) if result and unit is None else unit or 0
    states = [_hidden(passage, drawn) for passage in _passages(result)]
    with np.errstate(over="ignore"):  # what explodes is too large for single precision
        distance = (result.distance() if result else np.zeros(0)).astype(np.float32)
    limit = signed_limit(np.concatenate(states))
    colors = (cell_color(result.cell) if result else MUTED, CHANGED)
    steps = np.arange(1, len(distance) + 1, dtype=np.int32)
    data: list[dict[str, Any]] = [
        {
            **_line(steps, values, name, color, dash),
            "hovertemplate": f"{name}<br>t = %{{x}}: h = %{{y:.3f}}<extra></extra>",
        }
        for (name, dash), values, color in zip(_PAIR, states, colors, strict=True)
    ]
    data.append(
        {
            **_line(steps, distance, "distance", MUTED, "solid"),
            "fill": "tozeroy",
            "showlegend": False,
            "xaxis": "x2",
            "yaxis": "y2",
            "hovertemplate": "t = %{x}: distance %{y:.3g}<extra></extra>",
        }
    )
    finite = distance[np.isfinite(distance)]
    most = nice_ceiling(float(finite.max())) if finite.size else 1.0
    layout = {
        "margin": margin(58, 12, 22, 36),
        "legend": legend(),
        "xaxis": time_axis(length, domain=[0, 1], anchor="y", showticklabels=False, matches="x2", title={"text": ""}),
        "yaxis": {
            "title": {"text": f"h of unit {drawn}", "standoff": 2},
            "range": [-1.05 * limit, 1.05 * limit],
            "domain": [0.42, 1.0],
            "anchor": "x",
            "nticks": 5,
        },
        "xaxis2": time_axis(length, domain=[0, 1], anchor="y2"),
        "yaxis2": {
            "title": {"text": "‖h′ − h‖", "standoff": 2},
            "range": [0, 1.05 * most],
            "domain": [0.0, 0.34],
            "anchor": "x2",
            "nticks": 3,
        },
    }
    which = f"unit {drawn} (which changed most)" if result and unit is None else f"unit {drawn}"
    return Figure(
        name="what_if",
        title=f"What if: {'; '.join(result.changes) or 'nothing is changed'}" if result else "What if",
        how_to_read=f"Above, {which} as it was and as it would be; below, the distance of the whole hidden state.",
        data=data,
        layout=saying(layout, COMPUTED if result is None else ""),
        marks=[Mark("line"), Mark("line", axes=("x2", "y2"))],
        table=_state_table(result),
    )


def what_if_answer(result: WhatIf | None) -> Figure:
    """What the model says, original and changed: probabilities at the end as bars, or values over time as lines.

    Args:
        result: what was found; None: an empty figure.
    """
    classes = result is None or result.classes
    data, layout = _bars(result) if classes else _lines(result)
    was, now = result.answer_words() if result else ("", "")
    return Figure(
        name="what_if_answer",
        title=f"Changed: {now}. Originally: {was}." if result else "What if: the answer",
        how_to_read=(
            "The probability of each class after the last time step, as it was and as it would have been."
            if classes
            else "The answer after each time step: solid as it was, dashed as it would have been."
        ),
        data=data,
        layout=saying(layout, COMPUTED if result is None else ""),
        marks=[] if classes else [Mark("line")],
        table=_answer_table(result),
    )


def _passages(result: WhatIf | None) -> tuple[Rollout | None, Rollout | None]:
    return (result.original, result.changed) if result else (None, None)


def _most_changed(result: WhatIf) -> int:
    """The unit with the largest mean change."""
    with np.errstate(all="ignore"):
        moved = np.abs(result.difference()).mean(axis=0)
    return int(np.argmax(np.where(np.isnan(moved), np.inf, moved)))


def _hidden(passage: Rollout | None, unit: int) -> Array:
    return np.zeros(0, dtype=np.float32) if passage is None else passage.states["hidden"][:, unit].astype(np.float32)


def _line(x: Array, y: Array, name: str, color: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": y,
        "name": name,
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"size": 4 if len(x) <= 60 else 2},
    }


def _bars(result: WhatIf | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    names = [plain(name, 14) for name in result.output_names] if result else []
    colors = (cell_color(result.cell) if result else MUTED, CHANGED)
    data = []
    for (name, dash), passage, color in zip(_PAIR, _passages(result), colors, strict=True):
        last = passage.answers[-1].astype(np.float32) if passage is not None else np.zeros(0, dtype=np.float32)
        data.append(
            {
                "type": "bar",
                "name": name,
                "x": np.arange(len(last), dtype=np.int32),
                "y": last,
                "marker": {"color": color, "pattern": {"shape": "" if dash == "solid" else "/"}},
                "customdata": names,
                "hovertemplate": f"{name}<br>%{{customdata}}: %{{y:.3f}}<extra></extra>",
            }
        )
    many = len(names) > 10 or sum(map(len, names)) > 70
    layout = {
        "margin": margin(46, 12, 22, 74 if many else 40),
        "legend": legend(),
        "barmode": "group",
        "bargap": 0.3,
        "xaxis": {
            "title": {"text": "class" if not many else "", "standoff": 4},
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "tickangle": -50 if many else 0,
            "range": [-0.6, max(len(names), 1) - 0.4],
            "showgrid": False,
        },
        "yaxis": {"title": {"text": "probability", "standoff": 2}, "range": [0, 1.02], "nticks": 6},
    }
    return data, layout


def _lines(result: WhatIf | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    assert result is not None
    steps = np.arange(1, result.length + 1, dtype=np.int32)
    shown = min(len(result.output_names), MOST_OUTPUTS)
    alone = shown == 1
    data = []
    for (name, dash), passage in zip(_PAIR, _passages(result), strict=True):
        assert passage is not None
        for output in range(shown):
            color = CLASS_COLORS[output] if not alone else CHANGED if dash == "dash" else cell_color(result.cell)
            label = name if alone else f"{plain(result.output_names[output], 14)}, {name}"
            data.append(
                {
                    **_line(steps, passage.answers[:, output].astype(np.float32), label, color, dash),
                    "mode": "lines",
                    "showlegend": alone or dash == "solid",
                    "hovertemplate": f"{label}<br>t = %{{x}}: %{{y:.3f}}<extra></extra>",
                }
            )
            if not alone and dash == "solid":
                data[-1]["name"] = plain(result.output_names[output], 14)
    values = np.concatenate([passage.answers[:, :shown].ravel() for passage in (result.original, result.changed)])
    limit = signed_limit(values)
    layout = {
        "margin": margin(46, 12, 22, 36),
        "legend": legend(),
        "xaxis": time_axis(result.length),
        "yaxis": {"title": {"text": "answer", "standoff": 2}, "range": [-1.05 * limit, 1.05 * limit], "nticks": 6},
    }
    return data, layout


def _state_table(result: WhatIf | None) -> dict[str, Any]:
    """Every unit's hidden state at every step, both ways, and the distance of the step."""
    if result is None:
        return {"unit": [], "step": [], "original": [], "changed": [], "distance": []}
    was, now = (passage.states["hidden"] for passage in (result.original, result.changed))
    time, hidden = was.shape
    return {
        "unit": np.repeat(np.arange(hidden), time),
        "step": np.tile(np.arange(1, time + 1), hidden),
        "original": was.T.ravel(),
        "changed": now.T.ravel(),
        "distance": np.tile(result.distance(), hidden),
    }


def _answer_table(result: WhatIf | None) -> dict[str, Any]:
    if result is None:
        return {"step": [], "output": [], "original": [], "changed": []}
    time, outputs = result.original.answers.shape
    names = np.array([str(name) for name in result.output_names], dtype=object)
    return {
        "step": np.repeat(np.arange(1, time + 1), outputs),
        "output": np.tile(names, time),
        "original": result.original.answers.ravel(),
        "changed": result.changed.answers.ravel(),
    }


@FIGURES.register("what_if")
def _examples() -> Examples:
    return {
        USUAL: partial(what_if, samples.what_if("lstm")),
        EMPTY: partial(what_if, None),
        EXTREME: partial(what_if, samples.what_if("gru", 400, 40, names=HOSTILE), 4),
        "values": partial(what_if, samples.what_if("rnn", 50, 3, classes=False), 2),
    }


@FIGURES.register("what_if_answer")
def _examples_of_answers() -> Examples:
    return {
        USUAL: partial(what_if_answer, samples.what_if("lstm")),
        EMPTY: partial(what_if_answer, None),
        EXTREME: partial(what_if_answer, samples.what_if("gru", 400, 40, names=HOSTILE)),
        "values": partial(what_if_answer, samples.what_if("rnn", 50, 3, classes=False, names=HOSTILE)),
        "one value": partial(what_if_answer, samples.what_if("gru", 50, 1, classes=False)),
    }
