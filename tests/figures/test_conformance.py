"""Every figure, in every shape it may come in: complete, valid, and alike on both themes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rnn_explorer.analysis import projection
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.curves import curves
from rnn_explorer.figures.gates import gates
from rnn_explorer.figures.lab.state_trajectory import state_trajectory
from rnn_explorer.figures.lab.unrolled import unrolled
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.states import states
from rnn_explorer.figures.style import GATE_SCALE, SIGNED_SCALE
from tests.figures import factories


def draw_path(hidden: int, time: int, length: int, color_by: str, dims: int, names: tuple[str, ...]) -> Figure:
    values = factories.layer("lstm", hidden, time).states["hidden"]
    lengths = np.array([length, time, min(time, 1)])
    basis = projection.fit(values, 3, lengths)
    projected = projection.project(basis, values)
    labels = np.arange(3) % len(names) if names else np.full(3, -1)
    ends = projection.limits(projected, lengths=lengths)
    return state_trajectory(projected, lengths, basis.explained, labels, names, 0, color_by, dims, ends)


def draw_curves(rows: int, **more: Any) -> Figure:
    metric = more.pop("metric_name", "accuracy")
    return curves(
        factories.curve(rows), factories.curve(rows // 4), 2.3, 0.1, "the commonest class", metric, "gru", **more
    )


def cases() -> Iterator[tuple[str, Callable[[], Figure]]]:
    for hidden in (1, 2, 32, 256):
        for time, length in ((1, 1), (50, 50), (50, 17), (50, 0)):
            size = f"hidden {hidden}, {length} of {time} steps"
            for cell, relu in (("rnn", False), ("rnn", True), ("lstm", False), ("gru", False)):
                recorded = factories.layer(cell, hidden, time, relu=relu)
                yield f"states {cell} {relu}, {size}", lambda r=recorded, n=length: states(r, 1, n)
                for view in ("maps", "unit", "saturation"):
                    yield (
                        f"gates {view} {cell} {relu}, {size}",
                        lambda r=recorded, n=length, v=view: gates(
                            r, 1, n, np.ones((r.gates[next(iter(r.gates))].shape[1], 2)), (), v, 1,
                            np.array([n, r.states["hidden"].shape[1], 1]),
                        ),
                    )  # fmt: skip
            symbols = tuple("abc<&"[index % 5] for index in range(time))
            recorded = factories.layer("gru", hidden, time)
            yield f"gates of symbols, {size}", lambda r=recorded, n=length, s=symbols: gates(r, 0, n, None, s)
            for color_by in ("time", "class"):
                for dims in (2, 3):
                    for names in ((), ("<b>only",), ("a", "b", "c")):
                        yield (
                            f"state_trajectory {color_by} {dims}D {len(names)} classes, {size}",
                            lambda a=(hidden, time, length, color_by, dims, names): draw_path(*a),
                        )
    for rows in (0, 1, 2, 399, 5000):
        for log in (False, True):
            yield f"curves {rows} {log}", lambda rows=rows, log=log: draw_curves(rows, log=log)
            yield f"curves MSE {rows} {log}", lambda rows=rows, log=log: draw_curves(rows, log=log, metric_name="MSE")
    yield "curves tested", lambda: draw_curves(30, test={"loss": 0.3, "metric": 0.9})
    for name, explanation in {
        "rows": factories.image(),
        "pixels": factories.image(64),
        "one class": factories.image(8, 1),
        "nothing yet": factories.image(0),
        "one letter": factories.word(1, 12),
        "word": factories.word(7, 12),
        "long": factories.word(100, 120, 30),
        "no letter": factories.word(0, 12),
        "series": factories.series(50),
        "one step": factories.series(1),
        "no step": factories.series(0),
        "with classes": factories.series(30, 1, with_classes=True),
    }.items():
        yield f"prediction {name}", lambda e=explanation: prediction(e, "lstm")
        for cell in ("rnn", "lstm", "gru"):
            for features in (None, 1, 8):
                yield (
                    f"unrolled {name} {cell} {features}",
                    lambda e=explanation, c=cell, f=features: unrolled(
                        factories.layer(c, 70, max(e.length, 1)), 1, e.length, f and np.ones((max(e.length, 1), f)), e
                    ),
                )


CASES = dict(cases())


def axes_of(figure: Figure) -> set[str]:
    return {name.replace("axis", "") for name in figure.layout if "axis" in name}


@pytest.mark.parametrize("name", CASES)
def test_conforms(name: str) -> None:
    figure = CASES[name]()
    assert figure.title and figure.how_to_read
    assert "\n" not in figure.how_to_read and figure.how_to_read.endswith((".", "?"))
    assert "title" not in figure.layout and "font" not in figure.layout and "template" not in figure.layout

    axes = {name: axis for name, axis in figure.layout.items() if "axis" in name}
    axes |= {f"scene {name}": axis for name, axis in figure.layout.get("scene", {}).items() if "axis" in name}
    assert axes
    for letter in "xy":
        assert any(axis["title"]["text"] for name, axis in axes.items() if name.split()[-1].startswith(letter)) or (
            figure.name == "prediction" or (letter == "x" and "t = 1" in axes["xaxis"].get("ticktext", ()))
        )
    for trace in figure.data:
        for field in ("x", "y", "z", "customdata"):
            assert isinstance(trace.get(field, []), (np.ndarray, list)), field
        if trace["type"] in ("scatter", "bar"):
            assert len(trace["x"]) == len(trace["y"])
        if trace["type"] != "scatter3d":
            assert {trace.get("xaxis", "x"), trace.get("yaxis", "y")} <= axes_of(figure)

    for mark in figure.marks:
        if mark.kind == "point":
            assert len(figure.data[mark.trace]["x"]) == len(figure.data[mark.trace]["y"])
        else:
            assert set(mark.axes) <= axes_of(figure)

    for trace in figure.data:
        if trace["type"] == "heatmap" and trace["colorscale"] == GATE_SCALE:
            assert (trace["zmin"], trace["zmax"]) == (0, 1)
        if trace["type"] == "heatmap" and trace["colorscale"] == SIGNED_SCALE:
            assert trace["zmin"] == -trace["zmax"] < 0
        assert not isinstance(trace.get("colorscale", []), str)

    rows = list(csv.reader(io.StringIO(figure.to_csv())))
    assert len(rows[0]) == len(set(rows[0])) and all(len(row) == len(rows[0]) for row in rows)
    assert len({len(values) for values in figure.table.values()}) == 1


THEMED = [name for index, name in enumerate(CASES) if index % 37 == 0 or name.startswith("prediction")]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", THEMED)
def test_is_valid_plotly_on_both_themes(name: str, theme: str) -> None:
    drawn = CASES[name]().to_plotly(theme)
    assert drawn.layout.title.text
    assert drawn.layout.template.layout.font.color


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("state_trajectory") and "32," in name])
def test_the_marked_point_trace_has_a_point_for_every_step(name: str) -> None:
    figure = CASES[name]()
    length = int(name.split(", ")[-1].split(" of ")[0])
    (mark,) = figure.marks
    assert len(figure.data[mark.trace]["x"]) == length
    np.testing.assert_array_equal(figure.data[mark.trace]["customdata"], np.arange(1, length + 1))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("gates maps", "gates of"))])
def test_at_most_one_color_bar_of_each_kind_and_none_for_the_input(name: str) -> None:
    shown = [trace for trace in CASES[name]().data if trace["showscale"]]
    scales = [trace["colorscale"] for trace in shown]
    assert scales.count(GATE_SCALE) <= 1 and scales.count(SIGNED_SCALE) == 1 and len(shown) <= 2


def test_text_from_a_file_is_never_markup() -> None:
    figure = prediction(factories.word(7, 12), "lstm")
    axis = next(axis for name, axis in figure.layout.items() if name.startswith("yaxis"))
    assert all("<i>" not in label for label in axis["ticktext"])
    letters = next(axis for name, axis in figure.layout.items() if name.startswith("xaxis"))["ticktext"]
    assert letters[0] == "&lt;"
    assert "<script>" not in figure.to_plotly().layout.title.text
