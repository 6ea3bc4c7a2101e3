"""The learning curves: loss and metric over optimizer steps, with the memoryless baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.style import (
    NOT_TRAINED,
    REFERENCE,
    cell_color,
    cell_marker,
    fade,
    legend,
    margin,
    nice_ceiling,
    nice_floor,
    plain,
    saying,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array

MOST_POINTS = 400  # in one line: more than there are pixels
_HALF_LIFE = 6  # of the smoothed training curve, in drawn points
LEAST_SKILL = -1.0  # below it a model is so bad that it does not matter how bad
_MARK_POINTS = 25
_JUMPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def curves(
    train: Mapping[str, Array],
    validation: Mapping[str, Array],
    baseline_loss: float | None,
    baseline_metric: float | None,
    baseline_how: str,
    metric_name: str,
    cell: str,
    log: bool = False,
    test: Mapping[str, float] | None = None,
    at: int | None = None,
    others: Sequence[Mapping[str, Array]] = (),
    marks: Sequence[tuple[int, str]] = (),
) -> Figure:
    """Loss at the left and metric at the right, over the same optimizer steps.

    Where the metric is the mean squared error, it is the loss once more. At the right stands then the skill score
    1 - MSE / MSE of the memoryless baseline: 0 is no better than without memory, 1 without any error. Without a
    baseline it is the error on the other kind of axis than the loss has.

    Source of the skill score: A. H. Murphy, "Skill scores based on the mean square error and their relationships to the
    correlation coefficient", Monthly Weather Review 116 (1988).

    Args:
        train: `step`, `loss`, `metric`: arrays of equal length, one row a report.
        validation: the same.
        baseline_loss, baseline_metric: what the memoryless baseline reaches; None or NaN: not drawn.
        baseline_how: how it predicts, in words.
        metric_name: "accuracy" or "MSE".
        cell: the cell's key, for the color.
        log: whether the loss axis is logarithmic.
        test: `loss` and `metric` on the test set, and `step` if not the newest; None: not measured yet.
        at: the step that the other figures show, marked by an upright line; None: the newest.
        others: `step`, `loss`, `metric` of the training of other branches, drawn faintly beneath.
        marks: steps from which on the run was trained with something else, such as another version of torch, and with
            what; a dotted upright line each. One at the newest step shows only when the run has gone on.
    """
    color, accuracy = cell_color(cell), metric_name == "accuracy"
    marks = [(step, words) for step, words in marks if len(train["step"]) and step < train["step"][-1]]
    baselines = {"loss": _number(baseline_loss), "metric": _number(baseline_metric)}
    reference = baselines["metric"]
    skilled = not accuracy and reference is not None and reference > 0
    if skilled:
        assert reference is not None
        train, validation, *others = [_with_skill(rows, reference) for rows in (train, validation, *others)]
        baselines["skill"] = 0.0
    logs = {"loss": log, "metric": not accuracy and not log, "skill": False}
    steps = [np.asarray(rows["step"]) for rows in (train, validation)]
    ends = [*steps, *(np.asarray(rows["step"]) for rows in others)]
    newest = max((int(step[-1]) for step in steps if len(step)), default=0)
    furthest = max((int(step[-1]) for step in ends if len(step)), default=0)
    end = nice_ceiling(max(furthest, 10), _JUMPS)
    chosen = decimate(len(steps[0])), decimate(len(steps[1]))
    x_train, x_validation = (step[index].astype(np.int32) for step, index in zip(steps, chosen, strict=True))

    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"margin": margin(40, 40, 24, 36), "legend": legend(), "annotations": []}
    layout["shapes"] = []
    below = 0  # points under the axis of skill
    for number, quantity in enumerate(("loss", "skill" if skilled else "metric")):
        axes = {"xaxis": "x2", "yaxis": "y2"} if number else {}
        values = [_finite(rows[quantity]) for rows in (train, validation)]
        raw, smooth = values[0][chosen[0]], smoothed(values[0])[chosen[0]]
        held_out = values[1][chosen[1]]
        name = metric_name if quantity == "metric" else quantity
        hover = f"%{{fullData.name}}<br>optimizer step %{{x}}: {plain(name)} %{{y:.4g}}<extra></extra>"
        few = len(x_validation) <= 40
        data += [
            {
                "type": "scatter",
                "mode": "lines" if len(raw) > 1 else "markers",
                "name": "train, each report",
                "showlegend": False,
                "x": x_train,
                "y": raw.astype(np.float32),
                "line": {"color": fade(color, 0.3), "width": 1},
                "marker": {"color": fade(color, 0.6), "size": 4},
                "hoverinfo": "skip",
                **axes,
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "train",
                "legendgroup": "train",
                "showlegend": not number,
                "x": x_train,
                "y": smooth.astype(np.float32),
                "line": {"color": fade(color, 0.75), "width": 1.3, "dash": "4px,2px"},
                "hovertemplate": hover,
                **axes,
            },
            {
                "type": "scatter",
                "mode": "lines+markers" if few else "lines",
                "name": "validation",
                "legendgroup": "validation",
                "showlegend": not number,
                "x": x_validation,
                "y": held_out.astype(np.float32),
                "line": {"color": color, "width": 2.4},
                "marker": {"color": color, "size": 5, "symbol": cell_marker(cell)},
                "hovertemplate": hover,
                **axes,
            },
        ]
        data += [_branch(rows, quantity, axes) for rows in others]
        # The baseline was measured on the validation set, so a skill in the test would compare two sets.
        tested = _number(test[quantity]) if test and quantity != "skill" else None
        if test and tested is not None:
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": "test",
                    "legendgroup": "test",
                    "showlegend": not number,
                    "x": np.array([int(test.get("step", newest))], dtype=np.int32),
                    "y": np.array([tested], dtype=np.float32),
                    "marker": {
                        "symbol": "star",
                        "size": 11,
                        "color": "#D9A400",
                        "line": {"width": 1, "color": REFERENCE},
                    },
                    "cliponaxis": False,
                    "hovertemplate": hover,
                    **axes,
                }
            )
        level = baselines[quantity]
        bounded = accuracy and quantity == "metric"
        if quantity == "skill":
            lines = np.concatenate([smooth, held_out])
            below = int(np.count_nonzero(lines < LEAST_SKILL))
            extent = [LEAST_SKILL if np.any(lines < 0) else 0.0, 1.0]
        else:
            extent = _extent(raw, smooth, held_out, level, tested, logs[quantity]) if not bounded else [0.0, 1.0]
        ends_of_y = [10**end for end in extent] if logs[quantity] else extent
        data += [_mark(step, words, ends_of_y, axes) for step, words in marks]
        if at is not None:
            data.append(_upright(at, ends_of_y, axes))
        suffix = "2" if number else ""
        layout[f"xaxis{suffix}"] = {
            "title": {"text": "optimizer step", "standoff": 2},
            "domain": [0.0, 0.41] if not number else [0.6, 0.98],
            "anchor": f"y{suffix}",
            "range": [0, end],
            "nticks": 5,
            "zeroline": False,
            **({"matches": "x"} if number else {}),
        }
        layout[f"yaxis{suffix}"] = {
            "title": {"text": plain(name) + (", log scale" if logs[quantity] else ""), "standoff": 2},
            "anchor": f"x{suffix}",
            "type": "log" if logs[quantity] else "linear",
            "range": extent,
            "zeroline": False,
            **({"dtick": _log_tick(extent), "tickformat": "~g"} if logs[quantity] else {"nticks": 5}),
        }
        if level is not None and (level > 0 or not logs[quantity]):
            data.append(_baseline(level, name, end, not number, axes))
        if level and (level > 0 or not logs[quantity]):
            # Beside the subplot, so that no word lies across a curve.
            layout["annotations"].append(
                {
                    "text": f"{level:.3g}",
                    "xref": f"x{suffix} domain",
                    "yref": f"y{suffix}",
                    "x": 1,
                    "y": math.log10(level) if logs[quantity] else level,
                    "xanchor": "left",
                    "yanchor": "middle",
                    "xshift": 7,  # clear of a mark at the subplot's end
                    "showarrow": False,
                    "font": {"size": 9},
                    "borderpad": 2,
                }
            )
    unjudged = len(train["step"]) > 0 and not np.isfinite(np.asarray(validation["loss"], dtype=float)).any()
    how = "Faint is each optimizer step, dashed their mean, "
    how += "there is no validation set (val_split is 0)" if unjudged else "bold validation"
    if skilled:
        how += "; skill is 1 − MSE / MSE of the baseline" + (", off the axis below −1" if below else "")
    if any(level is not None for level in baselines.values()):
        how += ", gray the memoryless baseline" + (f" (it {baseline_how})" if baseline_how else "")
    how += ", thin gray lines other branches" if others else ""
    for step, words in marks[-1:]:
        how += f"; from the dotted line at optimizer step {step:,} on trained with {words}"
    how += f"; the orange line is optimizer step {at:,}, which the other figures show." if at is not None else "."
    return Figure(
        name="curves",
        title=f"Loss and {'skill' if skilled else metric_name} over training",
        how_to_read=how,
        data=data,
        layout=saying(layout, "" if any(map(len, steps)) else NOT_TRAINED, x=0.205),  # in the left subplot
        table=Later(lambda: _table(train, validation, baselines, test, newest, metric_name)),
    )


def _with_skill(rows: Mapping[str, Array], reference: float) -> dict[str, Array]:
    return {**rows, "skill": 1 - np.asarray(rows["metric"], dtype=np.float64) / reference}


def _baseline(level: float, name: str, end: float, listed: bool, axes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "memoryless baseline",
        "legendgroup": "baseline",
        "showlegend": listed,
        "x": np.array([0, end], dtype=np.float32),
        "y": np.array([level, level], dtype=np.float32),
        "line": {"color": REFERENCE, "width": 1.3, "dash": "dash"},
        "hovertemplate": f"memoryless baseline: {plain(name)} {level:.4g}<extra></extra>",
        **axes,
    }


def _branch(rows: Mapping[str, Array], quantity: str, axes: Mapping[str, str]) -> dict[str, Any]:
    index = decimate(len(rows["step"]))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "other branch",
        "legendgroup": "branch",
        "showlegend": False,
        "x": np.asarray(rows["step"])[index].astype(np.int32),
        "y": smoothed(_finite(rows[quantity]))[index].astype(np.float32),
        "line": {"color": "rgba(136,136,136,0.75)", "width": 1.2},
        "hovertemplate": "another branch<br>optimizer step %{x}: %{y:.4g}<extra></extra>",
        **axes,
    }


def _upright(at: int, extent: Sequence[float], axes: Mapping[str, str]) -> dict[str, Any]:
    # A trace, since Plotly misplaces a shape on an axis that follows another one's range.
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "looked at",
        "showlegend": False,
        "x": np.array([at, at], dtype=np.int32),
        "y": np.array(extent, dtype=np.float32),
        "line": {"color": "#E69F00", "width": 2},
        "hoverinfo": "skip",
        **axes,
    }


def _mark(step: int, words: str, extent: Sequence[float], axes: Mapping[str, str]) -> dict[str, Any]:
    # Points all along it, since a line of two is met by the mouse at its ends alone.
    with_what = "<br>".join(map(plain, words.split(", ")))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "trained with something else",
        "showlegend": False,
        "x": np.full(_MARK_POINTS, step, dtype=np.int32),
        "y": np.linspace(extent[0], extent[1], _MARK_POINTS, dtype=np.float32),
        "line": {"color": REFERENCE, "width": 1.3, "dash": "dot"},
        "hovertemplate": f"from optimizer step {step:,} on with<br>{with_what}<extra></extra>",
        **axes,
    }


def decimate(count: int, most: int = MOST_POINTS) -> Array:
    """Which of `count` rows to draw: every 2^n-th from the first, and the newest; at most `most`.

    The stride doubles as rows come in, so the rows drawn stay the same in between.
    """
    stride = 1
    while math.ceil(count / stride) + 1 > most:
        stride *= 2
    index = np.arange(0, count, stride)
    return index if count == 0 or index[-1] == count - 1 else np.append(index, count - 1)


def smoothed(values: Array) -> Array:
    """The running mean of (n,) values, NaN left out, whose half-life is a fixed share of the picture."""
    rows_per_point = 1
    while math.ceil(len(values) / rows_per_point) + 1 > MOST_POINTS:
        rows_per_point *= 2
    return running_mean(values, _HALF_LIFE * min(rows_per_point, 8))


def running_mean(values: Array, half_life: float) -> Array:
    """The exponential running mean of (n,) values, NaN left out.

    The mean at row i weighs row j <= i by 2^(-(i - j) / half_life); weights are cut below 1/64.
    """
    if len(values) == 0:
        return values
    weights = 0.5 ** (np.arange(min(math.ceil(6 * half_life), len(values))) / half_life)
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0.0), weights)[: len(values)]
    if known.all():  # as nearly always; the same without a second convolution
        sums = np.cumsum(weights)
        weight = sums[np.minimum(np.arange(len(values)), len(sums) - 1)]
    else:
        weight = np.convolve(known.astype(np.float64), weights)[: len(values)]
    return np.where(known & (weight > 0), total / np.maximum(weight, 1e-300), np.nan)


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _finite(values: Array) -> Array:
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _extent(
    raw: Array, smooth: Array, held_out: Array, baseline: float | None, tested: float | None, log: bool
) -> list[float]:
    """The ends of the y axis: all but the most extreme hundredth of the raw points, and every smoothed one.

    One step that blew up must not flatten all others: nothing above 20 times the upper middle is waited for, but for
    what the untrained model began with, however far above it that is.
    """
    lone = np.array([value for value in (baseline, tested) if value is not None])
    begins = [float(line[0]) for line in (smooth, held_out) if line.size and math.isfinite(line[0])]
    shown = np.concatenate([smooth, held_out, lone])
    shown, raw = shown[np.isfinite(shown)], raw[np.isfinite(raw)]
    if log:
        shown, raw = shown[shown > 0], raw[raw > 0]
    if shown.size == 0:
        return [-2.0, 0.0] if log else [0.0, 1.0]
    raw = np.sort(raw)
    cut = raw.size // 100
    inner = raw[cut : raw.size - cut] if raw.size else shown
    typical = float(np.sort(shown)[int(0.75 * (shown.size - 1))])
    most = max([20 * typical, *begins]) if typical > 0 else math.inf
    kept = shown[shown <= most]
    low = min(float(kept.min()), float(inner[0]))
    high = max(float(kept.max()), min(float(inner[-1]), most))
    if log:
        low, high = nice_floor(low * 0.95), nice_ceiling(high * 1.05, (1, 2, 5, 10))
        lowest = nice_floor(float(kept.min()) * 0.95)  # six decades are enough for raw points, not for the lines
        return [math.log10(min(max(low, high * 1e-6), lowest)), math.log10(high)]
    bottom = 0.0 if low >= 0 else -nice_ceiling(-low * 1.05, _JUMPS)
    return [bottom, nice_ceiling(high * 1.05, _JUMPS) if high > 0 else 0.0 if bottom < 0 else 1.0]


def _log_tick(extent: list[float]) -> str | int:
    return "D2" if extent[1] - extent[0] < 1.5 else 1


def _table(
    train: Mapping[str, Array],
    validation: Mapping[str, Array],
    baselines: Mapping[str, float | None],
    test: Mapping[str, float] | None,
    newest: int,
    metric_name: str,
) -> dict[str, Array]:
    counts = len(train["step"]), len(validation["step"])
    last = ["baseline"] + (["test"] if test else [])
    lone_step = [newest] + ([int(test.get("step", newest))] if test else [])
    table = {
        "data": np.concatenate([np.repeat(["train", "validation"], counts), last]),
        "step": np.concatenate([train["step"], validation["step"], lone_step]).astype(np.int64),
    }
    for quantity, name in (("loss", "loss"), ("metric", metric_name), ("skill", "skill")):
        if quantity not in train:
            continue
        level = baselines[quantity]
        lone = [math.nan if level is None else level] + ([float(test.get(quantity, math.nan))] if test else [])
        table[name] = np.concatenate([train[quantity], validation[quantity], lone])
    return table


@FIGURES.register("curves")
def _examples() -> Examples:
    def of(rows: int, metric: str = "accuracy", how: str = "guesses", **more: Any) -> partial[Figure]:
        train, validation = samples.curve(rows), samples.curve(rows // 4)
        return partial(curves, train, validation, 2.3, 0.1, how, metric, "gru", **more)

    everything = {"test": {"loss": 0.3, "metric": 0.9}, "at": 60, "others": [samples.curve(50)]}
    moved = [(20, "torch 2.9.0 (before: 2.8.0)"), (30, samples.HOSTILE)]
    nothing = samples.curve(0)
    return {
        USUAL: of(399),
        EMPTY: of(0),
        EXTREME: of(5000, "MSE", samples.HOSTILE, log=True, marks=moved, **everything),
        "one report": of(1),
        "on a log scale": of(200, log=True),
        "skill": of(200, "MSE"),
        "without a baseline": partial(curves, samples.curve(30), nothing, None, math.nan, "", "MSE", "rnn"),
        "gone on elsewhere": of(100, marks=[*moved, (99, "not yet")]),
        "tested": of(30, test={"loss": 0.3, "metric": 0.9}),
        "looking back": of(30, at=60),
        "with branches": of(30, others=[samples.curve(50), nothing]),
    }
