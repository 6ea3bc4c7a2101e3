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
from rnn_explorer.figures.data.example_images import draw_images
from rnn_explorer.figures.data.example_series import OWN_AXES, draw_series
from rnn_explorer.figures.data.example_texts import draw_texts
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import CLASS_COLORS, saying

NARROW = 4  # sequences at most in half the width of a page
_ROWS = (8, NARROW)  # at most, wide and narrow
_OWN = ("sequence", "title", "class", "symbol", "right answer")  # columns of every table


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
        draw_images(drawn, data, layout, not wide)
    elif kind == "symbols":
        draw_texts(drawn, class_names, wide, data, layout)
    else:
        apart = draw_series(drawn, wide, scale_of, data, layout)
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
    sentence = {
        "image": f"Each image is one sequence, read {_order(drawn)}" + ("" if wide else "; a dot is a time step"),
        "symbols": "Each line is one sequence, read from left to right, one symbol a time step",
        "series": "Each row is one sequence over time; solid is what goes in, dashed what is asked for",
    }[kind]
    if kind == "symbols" and any(item.step_classes is not None for item in drawn):
        sentence += (
            "; a symbol's color is the right answer after it"
            if len(class_names) <= len(CLASS_COLORS)
            else "; point at a symbol to see the right answer after it"
        )
    return sentence + ("; the color is its class." if colored else ".")


def _order(drawn: Sequence[Example]) -> str:
    """In which order an image enters."""
    image, steps = (drawn[0].image, drawn[0].image_steps) if drawn else (None, None)
    by_pixel = image is not None and steps is not None and int(steps.max()) >= len(image)
    return "pixel by pixel, each row from left to right" if by_pixel else "row by row from top to bottom"


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
        "a class a time step": partial(examples, [samples.word(9, -1, step_classes=True)], (), (HOSTILE, "y", "z")),
        "one time step": partial(examples, [samples.series(1)]),
        "no time step": partial(examples, [samples.series(0)]),
        "beside a larger one": partial(
            examples, [samples.series(10)], wide=False, scale_of=[samples.series(10, groups=3)]
        ),
    }
