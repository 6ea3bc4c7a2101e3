"""A recurrent layer unrolled over its sequence: what enters at each time step, the state, and what is answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.lab.unrolled_layout import PARTS, STATE, WIDTH, layout
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.states import by_unit, thinned
from rnn_explorer.figures.style import (
    GRAY_SCALE,
    INPUT_SCALE,
    NO_STEPS,
    SIGNED_SCALE,
    UNIT_ROWS,
    cell_name,
    color_bar,
    layer_name,
    plain,
    saying,
    signed_limit,
    symbol_label,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array, Explanation, LayerTrace

MOST_UNITS = 64  # rows of a state: about what its band has pixels for
_NUMBERS = 24  # steps up to which a single number that enters is written, not drawn
_NAME = 11  # letters of a class
_MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


@dataclass(frozen=True)
class _Answers:
    """What is answered after each step, in words or, of several numbers, as rows.

    Attributes:
        words: one a step.
        more: the same with all that is known, one a step.
        targets: what is right, "" where nothing is asked.
        values, right: (rows, time) numbers and what is right, where each step has several; else None.
        longest: letters that they may have in a line, whatever is answered: as it learns, words keep their places.
    """

    words: list[str]
    more: list[str]
    targets: list[str]
    values: Array | None = None
    right: Array | None = None
    longest: int = 5


def unrolled(layer: LayerTrace, sequence: int, length: int, inputs: Array | None, explanation: Explanation) -> Figure:
    """One column a time step, with arrows along which the state goes on.

    Args:
        layer: the recording of one layer and direction.
        sequence: which of the recorded sequences.
        length: its real steps; later ones are not drawn.
        inputs: (time, feature) numbers or (time,) symbol numbers that entered; None: none are drawn.
        explanation: that sequence and the answers to it.
    """
    hidden = layer.states["hidden"][sequence, :length]  # (time, hidden)
    steps, hidden_size = hidden.shape
    z, stride = thinned(hidden, MOST_UNITS)
    limit = signed_limit(hidden)
    answers = _answers(explanation, steps)
    data = [
        {
            "type": "heatmap",
            "meta": UNIT_ROWS,
            "z": _apart(z),
            **_columns(),
            "y0": 0,
            "dy": stride,
            "zmin": -limit,
            "zmax": limit,
            "colorscale": SIGNED_SCALE,
            "colorbar": color_bar(
                "h<sub>t</sub>", tickvals=[-limit, 0, limit], ticktext=[f"−{limit:g}", "0", f"{limit:g}"],
                len=STATE[1] - STATE[0], y=STATE[0], yanchor="bottom",
            ),
            "xaxis": "x",
            "yaxis": "y",
            "hovertemplate": "unit %{y}, t = %{x}<br>h = %{z:.3f}<extra></extra>",
        },
        *_entering(inputs, explanation, steps),
        *_answered(answers, steps),
    ]  # fmt: skip
    weights = layer.cell == "rnn"
    return Figure(
        name="gates",
        title=f"{layer_name(layer.cell, layer.layer, layer.direction)}, unrolled over {steps} time steps",
        how_to_read=_how(layer),
        data=data,
        layout=saying(layout(steps, len(z), stride, hidden_size, _rows(data, "y2"), _rows(data, "y3"), layer.direction,
                             weights, any(answers.targets)), "" if steps else NO_STEPS),
        marks=[Mark("line", axes=("x", axis)) for axis in ("y", "y2", "y3", "y4")],
        table=Later(lambda: _table(hidden, inputs, explanation, answers)),
    )  # fmt: skip


def _how(layer: LayerTrace) -> str:
    before = "ₜ₋₁" if layer.direction == "forward" else "ₜ₊₁"
    below = "" if layer.layer == 0 else f"; xₜ is the hidden state of layer {layer.layer} here"
    if layer.cell == "rnn":
        rule = f"hₜ = {layer.nonlinearity}(Wₕₕ h{before} + Wₓₕ xₜ + b), with the same weights at every time step"
    else:
        carried = "cell and hidden state go" if "cell" in layer.states else "the hidden state goes"
        rule = f"The same {cell_name(layer.cell)} at every time step; {carried} from each to the next"
    return f"{rule}{below}; a row of the state is a unit, blue negative, red positive."


def _apart(rows: Array) -> Array:
    """(rows, time) with empty columns between, float32."""
    wide = np.full((len(rows), PARTS * rows.shape[1]), np.nan, dtype=np.float32)
    wide[:, PARTS // 2 :: PARTS] = rows
    return wide


def _columns(parts: int = PARTS) -> dict[str, float]:
    """Where the columns of `_apart` stand."""
    return {"x0": 1 - (parts // 2) / parts, "dx": 1 / parts}


def _rows(data: Sequence[dict[str, Any]], axis: str) -> int:
    """Rows of the maps at an axis; 1 where there is text."""
    return max((len(trace["z"]) for trace in data if trace["yaxis"] == axis and trace["type"] == "heatmap"), default=1)


# -- what enters ------------------------------------------------------------------------------------------------


def _entering(inputs: Array | None, explanation: Explanation, steps: int) -> list[dict[str, Any]]:
    """Letters, written numbers, the row of an image, or a column of cells."""
    if explanation.symbols:
        taken = [symbol_label(symbol) for symbol in explanation.symbols[:steps]]
        size = 15 if steps <= 28 else 11 if steps <= 48 else 8
        return [_text(taken, taken, "y2", "input", {"size": size, "family": _MONO})]
    if inputs is None or not steps:
        return []
    values = np.asarray(inputs, dtype=np.float32)[:steps].reshape(steps, -1)
    if values.shape[1] == 1 and steps <= _NUMBERS and explanation.image is None:
        words = [f"{value:.3g}" for value in values[:, 0].tolist()]
        return [_text(words, words, "y2", "input", {"size": 12})]
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    # The row of an image lies as in the image; other numbers stand one above the other.
    lies = explanation.image is not None and values.shape[1] > 1
    if lies:
        z = np.full((1, steps, values.shape[1] + 2), np.nan, dtype=np.float32)
        z[0, :, 1:-1] = values
        width = values.shape[1] + 2
        drawn, where = z.reshape(1, -1), {"x0": 0.5 + 0.5 / width, "dx": 1 / width}
    else:
        drawn, where = _apart(values.T), _columns()
    return [
        {
            "type": "heatmap",
            "name": "input",
            "z": drawn,
            **where,
            "zmin": low,
            "zmax": high if high > low else low + 1.0,
            "colorscale": GRAY_SCALE if explanation.image is not None else INPUT_SCALE,
            "showscale": False,
            "xaxis": "x",
            "yaxis": "y2",
            "hovertemplate": f"input {'' if lies else '%{y} '}at t = %{{x:.0f}}: %{{z:.3f}}<extra></extra>",
        }
    ]


def _text(words: Sequence[str], more: Sequence[str], axis: str, name: str, font: dict[str, Any]) -> dict[str, Any]:
    """Words in their columns."""
    return {
        "type": "scatter",
        "mode": "text",
        "name": name,
        "x": np.arange(1, len(words) + 1, dtype=np.int32),
        "y": np.zeros(len(words), dtype=np.int32),
        "text": list(words),
        "customdata": list(more),
        "textfont": font,
        "showlegend": False,
        "cliponaxis": False,
        "xaxis": "x",
        "yaxis": axis,
        "hovertemplate": f"{name} at t = %{{x}}: %{{customdata}}<extra></extra>",
    }


# -- what is answered -------------------------------------------------------------------------------------------


def _answers(explanation: Explanation, steps: int) -> _Answers:
    if explanation.probabilities is not None and len(explanation.class_names):
        return _classes(explanation, steps)
    strips = [strip for strip in explanation.strips if strip.role == "answer"]
    pairs = [
        (strip, next((s for s in explanation.strips if s.role == "target" and s.group == strip.group), None))
        for strip in strips
    ]
    if not pairs:
        return _Answers([], [], [])
    values = np.array([np.asarray(strip.values, dtype=np.float64)[:steps] for strip, _ in pairs])
    nothing = np.full(steps, np.nan)
    right = np.array([nothing if s is None else np.asarray(s.values, dtype=np.float64)[:steps] for _, s in pairs])
    if len(pairs) > 1:
        return _Answers([], [], [], values, right)
    words = [_number(value) for value in values[0].tolist()]
    return _Answers(words, words, [_number(value) for value in right[0].tolist()])


def _number(value: float) -> str:
    """A number in a column; "" for what is not known."""
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:.1e}" if math.isfinite(value) else ""


def _classes(explanation: Explanation, steps: int) -> _Answers:
    """The likeliest class and its probability; a mark that says whether that is right where there is a target."""
    names = [
        symbol_label(str(name)) if len(str(name)) < 2 else plain(str(name), _NAME) for name in explanation.class_names
    ]
    probabilities = np.asarray(explanation.probabilities)[:steps]
    if explanation.target_classes is not None:
        right = [int(target) for target in np.asarray(explanation.target_classes)[:steps]]
    else:
        right = [-1] * steps
        if steps and explanation.target_class is not None:
            right[-1] = explanation.target_class
    words, more, targets = [], [], []
    best = probabilities.argmax(axis=1) if steps else np.zeros(0, dtype=int)
    top = 100 * probabilities[np.arange(len(best)), best]  # NaN where one of them is
    for said, share, target in zip(best.tolist(), top.tolist(), right, strict=True):
        has_target, known = 0 <= target < len(names), math.isfinite(share)
        targets.append(names[target] if has_target else "")
        name, percent = (names[said], f"{share:.0f} %") if known else ("?", "")
        mark = ("✓ " if known and said == target else "✗ ") if has_target else ""
        words.append(f"{mark}{name}<br>{percent}")
        more.append(f"{name}, {percent}" + (f" (right: {names[target]})" if has_target else ""))
    return _Answers(words, more, targets, longest=2 + max(len(str(name)[:_NAME]) for name in explanation.class_names))


def _answered(answers: _Answers, steps: int) -> list[dict[str, Any]]:
    if answers.values is not None and answers.right is not None:
        both = np.stack([answers.values, answers.right])
        limit = signed_limit(both)
        wide = _apart(answers.values)
        wide[:, PARTS - 1 :: PARTS] = answers.right
        return [
            {
                "type": "heatmap",
                "name": "answer",
                "z": wide,
                **_columns(),
                "zmin": -limit,
                "zmax": limit,
                "colorscale": SIGNED_SCALE,
                "showscale": False,
                "xaxis": "x",
                "yaxis": "y3",
                "hovertemplate": "answer %{y} (right of it: the target), t = %{x:.0f}: %{z:.3f}<extra></extra>",
            }
        ]
    found = []
    if answers.words:
        shown = _shown(answers.longest, steps)
        words = [word if shown[step] else "" for step, word in enumerate(answers.words)]
        found.append(_text(words, answers.more, "y3", "answer", {"size": 12}))
        if any(answers.targets):
            targets = [word if shown[step] else "" for step, word in enumerate(answers.targets)]
            found.append(_text(targets, answers.targets, "y4", "target", {"size": 12}))
    return found


def _shown(longest: int, steps: int) -> list[bool]:
    """Which columns have room for words of so many letters; the last one has."""
    every = max(1, math.ceil((6.5 * max(longest, 5) + 6) * steps / WIDTH))
    return [(steps - 1 - step) % every == 0 for step in range(steps)]


def _table(hidden: Array, inputs: Array | None, explanation: Explanation, answers: _Answers) -> dict[str, Any]:
    """One row a unit and step, with what enters and what is answered at the step."""
    steps, hidden_size = hidden.shape
    columns: dict[str, Any] = {}
    if explanation.symbols:
        columns["symbol"] = np.array(explanation.symbols[:steps], dtype=object)
    elif inputs is not None and steps:
        values = np.asarray(inputs)[:steps].reshape(steps, -1)
        columns |= {f"input {number}": values[:, number] for number in range(values.shape[1])}
    if explanation.probabilities is not None:
        shares = np.asarray(explanation.probabilities)[:steps]
        columns |= {f"p({name})": shares[:, number] for number, name in enumerate(explanation.class_names)}
    for number, strip in enumerate(strip for strip in explanation.strips if strip.role != "input"):
        columns[f"{strip.role} {number}"] = np.asarray(strip.values, dtype=np.float64)[:steps]
    if any(answers.targets):
        columns["target"] = np.array(answers.targets, dtype=object)
    return {**by_unit({"hidden": hidden}), **{name: np.tile(column, hidden_size) for name, column in columns.items()}}


@FIGURES.register("unrolled")
def _examples() -> Examples:
    def of(cell: str, explanation: Explanation, features: int = 0) -> partial[Figure]:
        length = explanation.length
        inputs = np.ones((max(length, 1), features)) if features else None
        return partial(unrolled, samples.layer(cell, 6, max(length, 1)), 1, length, inputs, explanation)

    return {
        USUAL: of("rnn", samples.word(7, 12)),
        EMPTY: of("gru", samples.word(0, 12)),
        EXTREME: of("lstm", samples.word(100, 120, 30)),
        "image": of("gru", samples.image(), 8),
        "pixels": of("gru", samples.image(64), 1),
        "series": of("lstm", samples.series(50), 3),
        "one time step": of("rnn", samples.series(1, 1), 1),
        "classes at every time step": of("rnn", samples.series(30, 1, with_classes=True), 1),
    }
