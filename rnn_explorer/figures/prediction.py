"""One sequence as the model sees it, and what it says of it after each step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.class_probabilities import class_axis, draw_classes, draw_last
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.strip_lines import draw_strips, extent_of, kept_ends
from rnn_explorer.figures.style import (
    GRAY_SCALE,
    NO_STEPS,
    heading,
    key,
    legend,
    margin,
    plain,
    saying,
    subplot,
    symbol_label,
    time_axis,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Explanation, Strip

_WIDTH = 540  # pixels the live picture has, more or less: for room that depends on the length of names
_IMAGE = 0.27  # share of the width for an image
_BARS = 0.17  # share of the width for the last step's probabilities
_LONGEST_GROUP, _TICKS = 12, 34  # letters of the name beside a subplot, and pixels of its tick labels
_LONGEST_NAME = 14


def prediction(explanation: Explanation, cell: str, before: Figure | None = None) -> Figure:
    """What goes in and what comes out, on one time axis.

    An image stands at the left with the class probabilities after each step at its right; symbols stand under the
    probabilities, one a step; numbers are lines, one subplot a group, with targets dashed and answers solid.

    Args:
        explanation: the sequence and the answers to it.
        cell: the cell's key, for the color of answers.
        before: this figure of the same sequence a moment ago: axes of numbers keep their ends while they fit.
    """
    length = explanation.length
    names = [plain(str(name), _LONGEST_NAME) for name in explanation.class_names]
    groups = _groups(explanation.strips)
    has_image = explanation.image is not None
    has_classes = explanation.probabilities is not None and len(names) > 0
    side = (6 * max((len(name) for name in explanation.class_names), default=0) if has_classes else 0) + 26
    side = min(side, 6 * _LONGEST_NAME + 26)
    by_role = sum(len(strips) for strips in groups.values()) > 4
    level = len(groups) + has_classes > 2  # subplots are too low for names that stand upright
    beside = _TICKS + 6 * min(max(map(len, groups), default=0), _LONGEST_GROUP) if level else 44
    start = 20 if has_image else max(side, beside if groups else 26)
    end = 34 if has_classes else 12
    inner = _WIDTH - start - end
    left = _IMAGE + (side + 4) / inner if has_image else 0.0
    right = 1.0 - _BARS - 0.015 if has_classes else 1.0

    data: list[dict[str, Any]] = []
    marks: list[Mark] = []
    layout: dict[str, Any] = {"margin": margin(start, end, 24 if groups else 18, 36), "annotations": [], "shapes": []}
    number = 0  # of subplots so far
    if has_image:
        _draw_image(explanation, data, layout, marks)
        number = 1

    # The subplots of the main column from top to bottom, each with its share of the height.
    subplots: list[tuple[str, float]] = [(group, 1.0) for group in groups]
    if has_classes:
        subplots.append(("", 2.5 if groups else 1.0))
    if not subplots and not has_image:
        subplots.append(("", 1.0))
    gap = 0.06
    height = (1.0 - gap * (len(subplots) - 1)) / max(sum(share for _, share in subplots), 1e-9)
    top, last = 1.0, len(subplots) - 1
    first_time = subplot("x", number)
    for position, (group, share) in enumerate(subplots):
        x, y = subplot("x", number), subplot("y", number)
        bottom = max(0.0, top - share * height)
        axis = time_axis(
            length,
            domain=[left, right],
            anchor=y,
            showticklabels=position == last,
            **({"matches": first_time} if x != first_time else {}),
        )
        if position != last:
            axis["title"] = {"text": ""}
        if explanation.symbols:
            axis |= _symbol_ticks(explanation.symbols[:length])
        layout[key(x)] = axis
        is_classes = has_classes and position == last
        if is_classes:
            layout[key(y)] = class_axis(names, explanation.target_class, [bottom, top], x)
            draw_classes(explanation, cell, names, (x, y), data, layout)
        else:
            strips = groups.get(group, [])
            if level:
                middle = (bottom + top) / 2
                layout["annotations"].append(
                    heading(
                        plain(group, _LONGEST_GROUP), left, middle,
                        xanchor="right", yanchor="middle", xshift=6 - _TICKS, font={"size": 10},
                    )
                )  # fmt: skip
            layout[key(y)] = {
                "title": {"text": "" if level else plain(group, 18), "standoff": 2, "font": {"size": 10}},
                "domain": [bottom, top],
                "anchor": x,
                "range": kept_ends(extent_of(strips, length), before, key(y)),
                "nticks": 3 if len(groups) > 1 else 5,
                "zeroline": False,
            }
            draw_strips(strips, cell, length, (x, y), data, by_role)
        marks.append(Mark("line", axes=(x, y)))
        number += 1
        if is_classes:
            draw_last(explanation, cell, names, subplot("x", number), y, right, data, layout)
            number += 1
        top = bottom - gap
    if groups:
        layout["legend"] = legend(x=right, tracegroupgap=0)
        _legend_once(data)
    if has_classes and not groups:
        at = (left + right) / 2
        layout["annotations"].append(
            heading("predicted probabilities after each time step", at, 1.0, font={"size": 10})
        )
    return Figure(
        name="prediction",
        title=f"Input and prediction: {explanation.verdict}",
        how_to_read=_how(explanation, has_image, has_classes, bool(groups)),
        data=data,
        layout=saying(layout, "" if length else NO_STEPS),
        marks=marks,
        table=Later(lambda: _table(explanation)),
    )


def _groups(strips: Sequence[Strip]) -> dict[str, list[Strip]]:
    groups: dict[str, list[Strip]] = {}
    for strip in strips:
        groups.setdefault(strip.group, []).append(strip)
    return groups


def _draw_image(
    explanation: Explanation, data: list[dict[str, Any]], layout: dict[str, Any], marks: list[Mark]
) -> None:
    """The image at the left, upright, its cells square."""
    image = np.asarray(explanation.image, dtype=np.float32)
    rows, columns = image.shape
    low, high = (float(image.min()), float(image.max())) if image.size else (0.0, 1.0)
    data.append(
        {
            "type": "heatmap",
            "z": image,
            "zmin": min(low, 0.0),
            "zmax": high if high > min(low, 0.0) else 1.0,
            "colorscale": GRAY_SCALE,
            "showscale": False,
            "xaxis": "x",
            "yaxis": "y",
            "hovertemplate": "row %{y}, column %{x}<br>%{z:.2f}<extra></extra>",
            "x0": 1,
            "dx": 1,
            "y0": 1,
            "dy": 1,
        }
    )
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
    layout["xaxis"] = {
        **bare,
        "domain": [0.0, _IMAGE],
        "range": [0.5, columns + 0.5],
        "title": {"text": "column", "standoff": 4},
        "constraintoward": "left",
    }
    layout["yaxis"] = {
        **bare,
        "range": [rows + 0.5, 0.5],
        "scaleanchor": "x",
        "domain": [0.0, 1.0],
        "constraintoward": "bottom",
        "title": {"text": "row", "standoff": 0},
    }
    if explanation.image_steps is not None:
        marks.append(
            Mark("cells", axes=("x", "y"), steps=(np.asarray(explanation.image_steps, dtype=int) + 1).tolist())
        )


def _legend_once(data: list[dict[str, Any]]) -> None:
    """One legend entry for traces of one kind."""
    listed: set[str] = set()
    for trace in data:
        if "legendgroup" in trace:
            trace["showlegend"] = trace["legendgroup"] not in listed
            listed.add(trace["legendgroup"])


def _symbol_ticks(symbols: Sequence[str]) -> dict[str, Any]:
    """The symbols themselves along the time axis, as many as can be read."""
    stride = max(1, -(-len(symbols) // 56))
    shown = range(0, len(symbols), stride)
    return {
        "tickmode": "array",
        "tickvals": [index + 1 for index in shown],
        "ticktext": [symbol_label(symbols[index]) for index in shown],
        "tickangle": 0,
        "tickfont": {"size": 12 if len(symbols) <= 20 else 10 if len(symbols) <= 34 else 8},
        "title": {"text": "symbol at each time step", "standoff": 4},
    }


def _how(explanation: Explanation, has_image: bool, has_classes: bool, has_strips: bool) -> str:
    parts = []
    if has_image:
        image, steps = explanation.image, explanation.image_steps
        by_row = image is None or steps is None or int(steps.max()) < len(image)
        parts.append(f"The image enters {'row by row' if by_row else 'pixel by pixel, in reading order'}")
    elif explanation.symbols:
        parts.append("Read from left to right")
    if has_strips:
        roles = {strip.role for strip in explanation.strips}
        answered = "solid with marks is the model's answer, " if "answer" in roles else ""
        parts.append(answered + ("dashed what is right, " if "target" in roles else "") + "dotted what goes in")
    if has_classes:
        known = explanation.target_class is not None or explanation.target_classes is not None
        parts.append(
            "each column is its prediction after that time step" + ("; framed is the right answer" if known else "")
        )
    sentence = "; ".join(parts) or "Inputs and answers over time"
    return sentence[0].upper() + sentence[1:] + "."


def _table(explanation: Explanation) -> dict[str, Any]:
    """One row a step: symbol, strips, probabilities, the right class; an image's cells follow in rows of their own."""
    length = explanation.length
    table: dict[str, Any] = {"step": np.arange(1, length + 1)}
    if explanation.symbols:
        table["symbol"] = np.array(explanation.symbols[:length], dtype=object)
    for strip in explanation.strips:
        name = f"{strip.group}: {strip.name}" if strip.group and strip.group != strip.name else strip.name
        while name in table:
            name += f" ({strip.role})"
        table[name] = np.asarray(strip.values, dtype=np.float64)[:length]
    if explanation.probabilities is not None:
        probabilities = np.asarray(explanation.probabilities)[:length]
        for index, name in enumerate(explanation.class_names):
            table[f"p({name})"] = probabilities[:, index]
    if explanation.target_classes is not None:
        table["right class"] = np.asarray(explanation.target_classes)[:length]
    elif explanation.target_class is not None:
        table["right class"] = np.full(length, explanation.target_class)
    if explanation.image is not None:
        image = np.asarray(explanation.image, dtype=np.float64)
        rows, columns = np.indices(image.shape) + 1
        gap = np.full(image.size, np.nan)
        for name, values in table.items():
            kept = np.asarray(values, dtype=object if name in ("symbol",) else np.float64)
            table[name] = np.concatenate([kept, gap])
        ahead = np.full(length, np.nan)
        for name, values in (("row", rows), ("column", columns), ("image", image)):
            table[name] = np.concatenate([ahead, values.ravel().astype(np.float64)])
        if explanation.image_steps is not None:
            table["step"] = np.concatenate([np.arange(1, length + 1), np.asarray(explanation.image_steps).ravel() + 1])
    return table


@FIGURES.register("prediction")
def _examples() -> Examples:
    before = prediction(samples.series(50), "lstm")
    return {
        USUAL: partial(prediction, samples.series(50), "lstm"),
        EMPTY: partial(prediction, samples.series(0), "lstm"),
        EXTREME: partial(prediction, samples.word(100, 120, 30), "gru"),
        "image, row by row": partial(prediction, samples.image(), "rnn"),
        "image, pixel by pixel": partial(prediction, samples.image(64), "rnn"),
        "image, one class": partial(prediction, samples.image(8, 1), "rnn"),
        "image, nothing read": partial(prediction, samples.image(0), "rnn"),
        "word": partial(prediction, samples.word(7, 12), "lstm"),
        "one letter": partial(prediction, samples.word(1, 12), "lstm"),
        "no letter": partial(prediction, samples.word(0, 12), "lstm"),
        "one time step": partial(prediction, samples.series(1), "lstm"),
        "classes at every time step": partial(prediction, samples.series(30, 1, with_classes=True), "lstm"),
        "a moment later": partial(prediction, samples.series(50), "lstm", before),
    }
