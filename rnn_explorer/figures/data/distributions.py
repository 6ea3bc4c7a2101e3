"""How a task's right answers, lengths and inputs are distributed, in its training, validation and test sets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.data.record import DataReport, Spread, by_name, by_value
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.data import samples
from rnn_explorer.figures.data.example_names import color_of
from rnn_explorer.figures.data.example_series import OWN_AXES, comparable
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    key,
    legend,
    margin,
    nice_ceiling,
    plain,
    saying,
    subplot,
    symbol_label,
)

_MOST = 30  # bars that can be told apart, where each has a name
_LONGEST_NAME = 12
# Symbol, fill, border: light in dark and dark in light, to be seen on bars of any color and on either theme.
_MARKS = {"validation": ("circle", "#FFFFFF", "#333333"), "test": ("diamond", "#333333", "#FFFFFF")}


def distributions(report: DataReport) -> Figure:
    """Shares of the training set as bars, those of the validation and the test set as marks on them.

    Args:
        report: of the task.
    """
    spreads = (report.answers, report.labels, report.lengths, report.inputs)
    subplots = [spread for spread in spreads if spread is not None]
    return _figure("distributions", _title(report), subplots, report, None)


def training_counts(report: DataReport, other: DataReport) -> Figure:
    """How often each right answer comes in the training set, for a comparison with another one.

    Args:
        report: of the task.
        other: of the one that it is compared with: both are drawn on one scale, unless one would then lie flat.
    """
    title = f"The training set: {report.train_words()}"
    mine, theirs = (int(each.answers.counts["train"].max(initial=0)) for each in (report, other))
    shared = comparable(mine, theirs)
    return _figure(
        "training_counts", title, [report.answers], report, max(mine, theirs) if shared else mine, not shared
    )


def _title(report: DataReport) -> str:
    where = f"in {report.sampled:,} sequences of the endless stream" if report.endless else "in the three sets"
    if report.lengths is None:
        return f"Right answers {where}; every sequence has {report.length_words()}"
    return f"Right answers and lengths {where}"


def _figure(
    name: str, title: str, subplots: Sequence[Spread], report: DataReport, highest: int | None, apart: bool = False
) -> Figure:
    data: list[dict[str, Any]] = []
    named = [spread for spread in subplots if spread.edges is None]
    longest = max((len(label) for spread in named for label in _shown(spread)[1]), default=1)
    layout: dict[str, Any] = {
        "margin": margin(52, 12, 26, 44 + (34 if longest > 3 else 0)),
        "bargap": 0.18,
        "legend": legend(),
    }
    gap = 0.07
    width = (1.0 + gap) / max(len(subplots), 1)
    for number, spread in enumerate(subplots):
        x, y = subplot("x", number), subplot("y", number)
        domain = [number * width, number * width + width - gap]
        colored = spread.names in (report.label_names, report.class_names) and len(spread.names) <= len(CLASS_COLORS)
        _panel(spread, (x, y), domain, colored, highest, number == 0, data, layout)
    how = (
        "A bar's height is the number of training sequences."
        if highest is not None
        else "Bars are shares of the training set, white circles of the validation, dark diamonds of the test set."
    )
    how += OWN_AXES if apart else ""
    counted = any(np.any(counts) for spread in subplots for counts in spread.counts.values())
    return Figure(
        name=name,
        title=title,
        how_to_read=how,
        data=data,
        layout=saying(layout, "" if counted else "There is no sequence to count."),
        table=_table(subplots),
    )


def _shown(spread: Spread) -> tuple[list[int], list[str]]:
    """The bars that are drawn, the most frequent ones where they are many, with their labels."""
    order = list(range(len(spread.names)))
    if spread.edges is None and len(order) > _MOST:
        totals = np.sum([spread.shares(split) for split in spread.counts], axis=0)
        order = np.argsort(-totals, kind="stable")[:_MOST].tolist()
    names = [symbol_label(spread.names[n]) if len(spread.names[n]) <= 1 else spread.names[n] for n in order]
    return order, [plain(label, _LONGEST_NAME) for label in names]


def _panel(
    spread: Spread,
    axes: tuple[str, str],
    domain: list[float],
    colored: bool,
    highest: int | None,
    first: bool,
    data: list[dict[str, Any]],
    layout: dict[str, Any],
) -> None:
    x, y = axes
    order, labels = _shown(spread)
    if spread.edges is None:
        places = np.arange(len(order), dtype=np.float32)
    else:
        places = ((spread.edges[:-1] + spread.edges[1:]) / 2).astype(np.float32)
    heights = {
        split: (spread.shares(split) if highest is None else np.asarray(spread.counts[split], dtype=np.float64))[order]
        for split in (spread.counts if highest is None else ["train"])
    }
    full_names = [plain(spread.names[n], 40) for n in order]
    for split, values in heights.items():
        counts = np.asarray(spread.counts[split])[order]
        about = {
            "x": places,
            "y": values.astype(np.float32),
            "name": {"train": "training", "validation": "validation", "test": "test"}[split],
            "legendgroup": split,
            "showlegend": first and highest is None and bool(counts.sum()),
            "xaxis": x,
            "yaxis": y,
            "customdata": [[name, int(count)] for name, count in zip(full_names, counts, strict=True)],
            "hovertemplate": "%{customdata[0]}: %{customdata[1]:,}<extra>" + split + "</extra>",
        }
        if split == "train":
            colors = [color_of(n) for n in order] if colored else "#7A8794"
            data.append({"type": "bar", **about, "marker": {"color": colors}})
        elif counts.sum():
            symbol, fill, border = _MARKS[split]
            marker = {"symbol": symbol, "size": 8, "color": fill, "line": {"width": 1.3, "color": border}}
            data.append({"type": "scatter", "mode": "markers", **about, "marker": marker})
    top = highest if highest is not None else max((float(v.max()) for v in heights.values() if v.size), default=1.0)
    most = f" (the {len(order)} most frequent of {len(spread.names)})" if len(order) < len(spread.names) else ""
    layout[key(x)] = {
        "domain": domain,
        "anchor": y,
        "title": {"text": plain(spread.what, 48) + most, "standoff": 6},
        "showgrid": False,
        "zeroline": False,
        **_ticks(spread, labels),
    }
    layout[key(y)] = {
        "anchor": x,
        "title": {"text": "" if not first else "training sequences" if highest is not None else "share", "standoff": 4},
        "range": [0, nice_ceiling(top * 1.05)],
        "nticks": 5,
        "zeroline": False,
    }
    if highest is None:
        layout[key(y)]["tickformat"] = ".0%"
    else:
        layout[key(y)]["tickformat"] = "d"


def _ticks(spread: Spread, labels: Sequence[str]) -> dict[str, Any]:
    if spread.edges is not None:
        return {"range": [float(spread.edges[0]), float(spread.edges[-1])], "nticks": 8}
    count = max(len(labels), 1)
    return {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": list(labels),
        "tickangle": -40 if max(map(len, labels), default=0) > 3 else 0,
        "tickfont": {"size": 10 if count <= 16 else 9},
        "range": [-0.6, count - 0.4] if count > 4 else [-1.5, count + 0.5],
    }


def _table(subplots: Sequence[Spread]) -> dict[str, Any]:
    table: dict[str, Any] = {"of": [], "value": [], "set": [], "count": [], "share": []}
    for spread in subplots:
        for split in spread.counts:
            table["of"] += [spread.what] * len(spread.names)
            table["value"] += list(spread.names)
            table["set"] += [split] * len(spread.names)
            table["count"] += np.asarray(spread.counts[split]).tolist()
            table["share"] += spread.shares(split).tolist()
    return table


@FIGURES.register("distributions")
def _examples() -> Examples:
    sets = ("train", "validation", "test")
    lengths = by_value("time steps", {each: np.arange(3, 30) for each in sets})
    many = by_name(HOSTILE, {each: np.arange(80) for each in sets}, [f"{n} {HOSTILE}" for n in range(80)])
    numbers, classes = samples.numbers(), samples.classes()
    return {
        USUAL: partial(distributions, samples.report(classes, lengths)),
        EMPTY: partial(distributions, samples.report(samples.no_classes())),
        EXTREME: partial(distributions, samples.report(many, lengths, labels=many, inputs=numbers)),
        "endless": partial(distributions, samples.report(classes, endless=True, sampled=1024)),
        "numbers": partial(distributions, samples.report(numbers, labels=classes, inputs=numbers)),
    }


@FIGURES.register("training_counts")
def _examples_of_counts() -> Examples:
    few, nothing = samples.report(samples.classes()), samples.report(samples.no_classes())
    many = samples.report(by_name("class", {"train": np.repeat([0, 1, 2], [900, 500, 500])}, (HOSTILE, "two", "three")))
    return {
        USUAL: partial(training_counts, few, few),
        EMPTY: partial(training_counts, nothing, nothing),
        EXTREME: partial(training_counts, many, few),
        "beside a larger one": partial(training_counts, few, many),
    }
