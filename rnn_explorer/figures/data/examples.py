"""Several sequences of a task at once, without any answer: images as images, symbols as text, series as lines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.data.record import Example
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.data import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    GRAY_SCALE,
    MUTED,
    REFERENCE,
    heading,
    key,
    legend,
    margin,
    plain,
    saying,
    subplot,
    time_axis,
    time_ticks,
    visible,
)
from rnn_explorer.trace import Strip

_WIDE, _NARROW = 1000, 500  # pixels the subplots have, more or less
NARROW = 4  # sequences at most in half the width of a page
_ROWS, _COLUMNS = (8, NARROW), (6, 3)  # at most, wide and narrow
_OWN = ("sequence", "title", "class", "symbol", "right answer")  # columns of every table
_LONGEST_TITLE = 26
_LEAST = 8  # pixels a symbol needs
_FLAT = 4.0  # times as large as the other, from which a range would flatten it on one axis
OWN_AXES = " The two sides have axes of their own, since their ranges differ."


def examples(
    items: Sequence[Example],
    label_names: Sequence[str] = (),
    class_names: Sequence[str] = (),
    wide: bool = True,
    scale_of: Sequence[Example] = (),
) -> Figure:
    """Sequences beside or below each other, colored by class.

    Args:
        items: the sequences, all of one kind; no more are drawn than there is room for.
        label_names: the classes that `Example.label` counts; empty: all in one color.
        class_names: the classes that `Example.step_classes` counts, where one is asked for after each step.
        wide: whether the figure has the whole width of a page, or half of it.
        scale_of: other sequences on whose scale the lines of a series are drawn, too, unless one of the two would then
            lie flat: see `comparable`.

    Returns:
        A figure with the table of all sequences, the undrawn included.
    """
    kind = items[0].kind if items else "series"
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "showlegend": False}
    drawn = items[: _ROWS[not wide]]
    apart = False
    if kind == "image":
        _images(drawn, data, layout, not wide)
    elif kind == "symbols":
        _texts(drawn, class_names, wide, data, layout)
    else:
        apart = _series(drawn, wide, scale_of, data, layout)
    colored = bool(label_names)
    return Figure(
        name="examples",
        title=_title(items, drawn, label_names),
        how_to_read=_how(kind, colored, class_names, drawn, wide) + (OWN_AXES if apart else ""),
        data=data,
        layout=saying(layout, "" if items else "There is no sequence to show."),
        table=_table(items, label_names, class_names),
    )


def height(items: Sequence[Example], wide: bool = True) -> int:
    """Pixels that suit `examples` of these sequences."""
    if not items:
        return 160
    rows = min(len(items), _ROWS[not wide])
    if items[0].kind == "image":
        return 156
    return max(120, 58 + (26 if items[0].kind == "symbols" else 62) * rows)


def _title(items: Sequence[Example], drawn: Sequence[Example], label_names: Sequence[str]) -> str:
    if not items:
        return "No sequences"
    count = f"{len(drawn)} sequences" if len(drawn) > 1 else "One sequence"
    return f"{count}, colored by class" if label_names else count


def _how(kind: str, colored: bool, class_names: Sequence[str], drawn: Sequence[Example], wide: bool) -> str:
    told = {
        "image": f"Each image is one sequence, read {_order(drawn)}" + ("" if wide else "; a dot is a time step"),
        "symbols": "Each line is one sequence, read from left to right, one symbol a time step",
        "series": "Each row is one sequence over time; solid is what goes in, dashed what is asked for",
    }[kind]
    if kind == "symbols" and any(item.step_classes is not None for item in drawn):
        told += (
            "; a symbol's color is the right answer after it"
            if len(class_names) <= len(CLASS_COLORS)
            else "; point at a symbol to see the right answer after it"
        )
    return told + ("; the color is its class." if colored else ".")


def _order(drawn: Sequence[Example]) -> str:
    """In which order an image enters."""
    image, steps = (drawn[0].image, drawn[0].image_steps) if drawn else (None, None)
    by_pixel = image is not None and steps is not None and int(steps.max()) >= len(image)
    return "pixel by pixel, each row from left to right" if by_pixel else "row by row from top to bottom"


def color_of(label: int) -> str:
    """The color of a class, in examples as in distributions; gray for none."""
    return MUTED if label < 0 else CLASS_COLORS[label % len(CLASS_COLORS)]


def _named(item: Example) -> str:
    """A sequence's title in its class' color."""
    text = plain(item.title, _LONGEST_TITLE)
    return text if item.label < 0 else f"<span style='color:{color_of(item.label)}'>{text}</span>"


# -- images -----------------------------------------------------------------------------------------------------


def _images(items: Sequence[Example], data: list[dict[str, Any]], layout: dict[str, Any], order: bool) -> None:
    """Images side by side; with `order`, a line from step to step, through the middle of the cells of each."""
    layout["margin"] = margin(8, 8, 26, 26)
    width = 1.0 / max(len(items), 1)
    for number, item in enumerate(items):
        assert item.image is not None
        x, y = subplot("x", number), subplot("y", number)
        image = np.asarray(item.image, dtype=np.float32)
        rows, columns = image.shape
        low, high = min(float(image.min()), 0.0), float(image.max())
        data.append(
            {
                "type": "heatmap",
                "z": image,
                "x0": 1,
                "dx": 1,
                "y0": 1,
                "dy": 1,
                "zmin": low,
                "zmax": high if high > low else 1.0,
                "colorscale": GRAY_SCALE,
                "showscale": False,
                "xaxis": x,
                "yaxis": y,
                "hovertemplate": "row %{y}, column %{x}<br>%{z:.2f}<extra></extra>",
            }
        )
        if order and item.image_steps is not None:
            data.append({**_reading_order(item.image_steps), "xaxis": x, "yaxis": y})
        bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
        layout[key(x)] = {
            **bare,
            "domain": [(number + 0.06) * width, (number + 0.94) * width],
            "anchor": y,
            "range": [0.5, columns + 0.5],
            "title": {"text": "column" if number == 0 else "", "standoff": 2},
        }
        layout[key(y)] = {
            **bare,
            "anchor": x,
            "range": [rows + 0.5, 0.5],
            "scaleanchor": x,
            "constraintoward": "top",
            "title": {"text": "row" if number == 0 else "", "standoff": 0},
        }
        layout["annotations"].append(heading(_named(item), (number + 0.5) * width, 1.0, font={"size": 13}))


def _reading_order(steps: np.ndarray) -> dict[str, Any]:
    """A line through the middles of what enters at each step, in the order of time."""
    rows, columns = np.indices(steps.shape) + 1.0
    times = np.unique(steps)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": np.array([columns[steps == time].mean() for time in times], dtype=np.float32),
        "y": np.array([rows[steps == time].mean() for time in times], dtype=np.float32),
        "line": {"color": "rgba(208,135,0,0.75)", "width": 1.5},
        "marker": {"color": "rgba(208,135,0,0.9)", "size": 4},
        "hoverinfo": "skip",
        "showlegend": False,
    }


# -- symbols ----------------------------------------------------------------------------------------------------


def _texts(
    items: Sequence[Example], class_names: Sequence[str], wide: bool, data: list[dict[str, Any]], layout: dict[str, Any]
) -> None:
    left = 14 + 7 * min(max((len(item.title) for item in items), default=0), _LONGEST_TITLE)
    room = (_WIDE if wide else _NARROW) - left
    longest = max((item.length for item in items), default=0)
    shown = min(longest, room // _LEAST)
    size = int(min(15, max(8, 1.3 * room / max(shown, 1))))
    for row, item in enumerate(items):
        symbols = [visible(symbol) for symbol in item.symbols[:shown]]
        data.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": np.arange(1, len(symbols) + 1, dtype=np.int32),
                "y": np.full(len(symbols), row, dtype=np.int32),
                "text": symbols,
                "textfont": {
                    "size": size,
                    "family": "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
                    "color": _symbol_colors(item, len(symbols), class_names),
                },
                "customdata": _right_answers(item, len(symbols), class_names),
                "hovertemplate": f"{plain(item.title, 40)}, t = %{{x}}: “%{{text}}”%{{customdata}}<extra></extra>",
                "showlegend": False,
            }
        )
    end = max(shown, 24 if wide else 14)  # the letters of short words stand together
    axis = time_axis(end, side="top") | time_ticks(end, 12 if wide else 6)
    cut = f" (of {longest}; the first {shown} are drawn)" if shown < longest else ""
    layout["xaxis"] = {**axis, "title": {"text": f"time step t{cut}", "standoff": 2}}
    layout["yaxis"] = {
        "tickmode": "array",
        "tickvals": list(range(len(items))),
        "ticktext": [_named(item) for item in items],
        "range": [max(len(items), 1) - 0.4, -0.6],
        "showgrid": False,
        "zeroline": False,
        "title": {"text": ""},
    }
    layout["margin"] = margin(left, 10, 40, 8)


def _symbol_colors(item: Example, count: int, class_names: Sequence[str]) -> Any:
    """One color a symbol where each has a class of its own and there are colors enough, else the sequence's."""
    if item.step_classes is not None and len(class_names) <= len(CLASS_COLORS):
        return [color_of(int(label)) for label in item.step_classes[:count]]
    return [color_of(item.label)] * count


def _right_answers(item: Example, count: int, class_names: Sequence[str]) -> list[str]:
    if item.step_classes is None:
        return [""] * count
    names = [visible(class_names[int(label)]) if label >= 0 else "" for label in item.step_classes[:count]]
    return [f"<br>right answer: {name}" if name else "<br>not asked here" for name in names]


# -- series -----------------------------------------------------------------------------------------------------


def _series(
    items: Sequence[Example],
    wide: bool,
    scale_of: Sequence[Example],
    data: list[dict[str, Any]],
    layout: dict[str, Any],
) -> bool:
    """Draw them; returns whether some axis is not shared with `scale_of`."""
    groups = list(dict.fromkeys(strip.group for item in items for strip in item.strips))
    dropped = len(groups) - _COLUMNS[not wide]
    groups = groups[: _COLUMNS[not wide]] or [""]
    left = 42 + int(6.2 * min(max((len(item.title) for item in items), default=0), _LONGEST_TITLE))
    layout["margin"] = margin(left, 10, 40, 36)
    layout["legend"] = legend(y=1.0)
    longest = max((item.length for item in items), default=0)
    gap = 0.045 if wide else 0.1
    width = (1.0 + gap) / len(groups)
    height = 1.0 / max(len(items), 1)
    number, ends = 0, {group: _ends(items, scale_of, group) for group in groups}
    for row, item in enumerate(items or [Example("series", "", -1, 0)]):
        for column, group in enumerate(groups):
            x, y = subplot("x", number), subplot("y", number)
            last = row == max(len(items), 1) - 1
            layout[key(x)] = time_axis(
                longest,
                domain=[column * width, column * width + width - gap],
                anchor=y,
                showticklabels=last,
                title={"text": "time step t" if last else "", "standoff": 4},
            ) | time_ticks(max(longest, 1), 8 if wide else 2)
            layout[key(y)] = {
                "domain": [max(0.0, 1.0 - (row + 0.86) * height), 1.0 - row * height],
                "anchor": x,
                "range": ends[group][0],
                "nticks": 3,
                "tickfont": {"size": 9},
                "zeroline": False,
                "title": {"text": ""},
            }
            _lines([strip for strip in item.strips if strip.group == group], item, (x, y), data)
            number += 1
        if item.title:
            layout["annotations"].append(
                heading(
                    _named(item), 0.0, 1.0 - (row + 0.43) * height, xanchor="right", yanchor="middle", xshift=-32,
                    font={"size": 11},
                )
            )  # fmt: skip
    for column, group in enumerate(groups):
        text = _heading(items, group) + (f" (and {dropped} more)" if dropped > 0 and column == len(groups) - 1 else "")
        layout["annotations"].append(heading(text, column * width + (width - gap) / 2, 1.0, yshift=4))
    return any(apart for _, apart in ends.values())


def comparable(one: float, other: float) -> bool:
    """Whether two sizes, at least 0, can be seen on one axis."""
    return max(one, other) <= _FLAT * min(one, other)


def _ends(items: Sequence[Example], scale_of: Sequence[Example], group: str) -> tuple[list[float], bool]:
    """The range of a column of subplots, and whether it is its own where one with `scale_of` was asked for."""
    mine = {id(item) for item in items}
    others = [item for item in scale_of if id(item) not in mine]
    own, shared = _range(items, group), _range([*items, *others], group)
    if not any(strip.group == group for item in others for strip in item.strips):
        return own, False
    spans = [high - low for low, high in (own, _range(others, group), shared)]
    apart = not (comparable(spans[0], spans[2]) and comparable(spans[1], spans[2]))
    return (own if apart else shared), apart


def _heading(items: Sequence[Example], group: str) -> str:
    """What a column shows: its inputs, and what is asked for."""
    strips = [strip for item in items[:1] for strip in item.strips if strip.group == group]
    names = dict.fromkeys(strip.name for strip in strips)
    if len(names) > 3:
        return plain(group or "numbers", 40)
    return plain(", ".join(names), 40)


def _lines(strips: Sequence[Strip], item: Example, axes: tuple[str, str], data: list[dict[str, Any]]) -> None:
    several = sum(strip.role == "input" for strip in strips) > 1
    inputs = 0
    for strip in strips:
        values = np.asarray(strip.values, dtype=np.float64)[: item.length]
        if strip.role == "target":
            line = {"color": REFERENCE, "width": 1.6, "dash": "dash"}
        elif several:
            line = {"color": color_of(inputs), "width": 1.2}
            inputs += 1
        else:
            line = {"color": color_of(max(item.label, 0)), "width": 1.6}
        levels = len(np.unique(values[np.isfinite(values)])) <= 3
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": plain(strip.name, 24),
                "x": np.arange(1, len(values) + 1, dtype=np.int32),
                "y": values,
                "line": {**line, "shape": "hvh"} if levels else line,
                "xaxis": axes[0],
                "yaxis": axes[1],
                "hovertemplate": f"{plain(strip.name, 24)}, t = %{{x}}<br>%{{y:.3g}}<extra></extra>",
                "showlegend": False,
            }
        )


def _range(items: Sequence[Example], group: str) -> list[float]:
    """One range for all the rows of a column."""
    found = [
        np.asarray(strip.values, dtype=np.float64) for item in items for strip in item.strips if strip.group == group
    ]
    values = np.concatenate([np.zeros(0), *found])
    values = values[np.isfinite(values)]
    if not values.size:
        return [-1.0, 1.0]
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    room = 0.08 * (high - low)
    return [low - room, high + room]


# -- the table --------------------------------------------------------------------------------------------------


def _table(items: Sequence[Example], label_names: Sequence[str], class_names: Sequence[str]) -> dict[str, Any]:
    """One row a sequence and step: what enters, what is asked; an image has one row a cell."""
    parts = [_rows(item, class_names) for item in items]
    columns = list(dict.fromkeys(name for part in parts for name in part))
    table: dict[str, Any] = {"sequence": [], "title": [], "class": [], **{name: [] for name in columns}}
    for number, (item, part) in enumerate(zip(items, parts, strict=True), start=1):
        count = len(next(iter(part.values())))
        table["sequence"] += [number] * count
        table["title"] += [item.title] * count
        table["class"] += [label_names[item.label] if 0 <= item.label < len(label_names) else ""] * count
        for name in columns:
            table[name] += part.get(name, [math.nan] * count)
    return table


def _rows(item: Example, class_names: Sequence[str]) -> dict[str, list[Any]]:
    if item.image is not None:
        rows, columns = np.indices(item.image.shape) + 1
        return {"row": rows.ravel().tolist(), "column": columns.ravel().tolist(), "value": item.image.ravel().tolist()}
    found: dict[str, list[Any]] = {"step": list(range(1, item.length + 1))}
    if item.symbols:
        found["symbol"] = list(item.symbols)
    for strip in item.strips:
        name = f"{strip.group}: {strip.name}" if strip.group and strip.group != strip.name else strip.name
        while name in found or name in _OWN:
            name += f" ({strip.role})"
        found[name] = np.asarray(strip.values, dtype=np.float64)[: item.length].tolist()
    if item.step_classes is not None:
        found["right answer"] = [class_names[int(label)] if label >= 0 else "" for label in item.step_classes]
    return found


@FIGURES.register("examples")
def _examples() -> Examples:
    labels = samples.LABELS
    odd = [dataclasses.replace(samples.series(300, n, groups=9, inputs=12), title=HOSTILE) for n in range(8)]
    return {
        USUAL: partial(examples, [samples.series(20, n) for n in range(3)], labels),
        EMPTY: partial(examples, ()),
        EXTREME: partial(examples, odd, (HOSTILE, HOSTILE, HOSTILE), wide=False),
        "images": partial(examples, [samples.image(n % 3) for n in range(8)], labels),
        "images in half a page": partial(examples, [samples.image(-1, pixels=True)], wide=False),
        "words": partial(examples, [samples.word(3 + n, n % 3) for n in range(8)], labels),
        "long words": partial(examples, [samples.word(300), samples.word(0)], labels),
        "a class a step": partial(examples, [samples.word(9, -1, step_classes=True)], (), (HOSTILE, "y", "z")),
        "one step": partial(examples, [samples.series(1)]),
        "no step": partial(examples, [samples.series(0)]),
        "beside a larger one": partial(
            examples, [samples.series(10)], wide=False, scale_of=[samples.series(10, groups=3)]
        ),
    }
