"""Every registered figure, drawn from each of its examples: complete, valid, calm, and safe with any text or number."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import inspect
import io
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from rnn_explorer import figures
from rnn_explorer.figures import registry
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.panel import Panel
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import GATE_SCALE, SIGNED_SCALE
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel
from tests.figures.test_style import contrast

registry.load()
EXAMPLES = {name: make() for name, make in FIGURES.items()}
CASES = {f"{name}, {shape}": call for name, examples in EXAMPLES.items() for shape, call in examples.items()}
PANELS = (Figure.__name__, SvgPanel.__name__, TextPanel.__name__)
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {f"{SVG}{name}" for name in ("svg", "g", "title", "path", "rect", "circle", "text", "tspan")}
# Numbers that are chosen, not measured, so that they are always finite: ends and grids of axes, and what is held.
CHOSEN = {"limits", "limit", "basis", "edges", "held", "x", "y", "step", "steps", "baseline"}

every_case = pytest.mark.parametrize("case", CASES)
every_figure = pytest.mark.parametrize("name", EXAMPLES)


# -- the registry -----------------------------------------------------------------------------------------------


def figure_functions(path: Iterable[str], package: str) -> Iterator[Callable[..., Panel]]:
    """Every public function in a package that returns a figure or a panel."""
    for module in pkgutil.walk_packages(path, package):
        for name, make in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            returns = inspect.formatannotation(make.__annotations__.get("return")).strip("'").split(".")[-1]
            if make.__module__ == module.name and not name.startswith("_") and returns in PANELS:
                yield make


def test_every_figure_is_registered_under_its_name() -> None:
    functions = {make.__name__: make for make in figure_functions(figures.__path__, f"{figures.__name__}.")}
    assert set(functions) == set(FIGURES.names()), "register it with its examples, in its own file"
    for name, examples in EXAMPLES.items():
        assert {call.func for call in examples.values()} == {functions[name]}


def test_a_figure_that_is_not_registered_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = (
        "from rnn_explorer.figures.base import Figure\n\n\ndef stray() -> Figure: ...\n\n\ndef _own() -> Figure: ...\n"
    )
    (tmp_path / "a_new_figure.py").write_text(stray)
    monkeypatch.syspath_prepend(tmp_path)
    assert [make.__name__ for make in figure_functions([str(tmp_path)], "")] == ["stray"]


@every_figure
def test_examples_are_a_usual_an_empty_and_an_extreme_one(name: str) -> None:
    assert {USUAL, EMPTY, EXTREME} <= set(EXAMPLES[name])
    texts = [text for call in EXAMPLES[name].values() for text in strings((call.args, call.keywords))]
    if any(re.search("[A-Z ]", text) for text in texts):  # more than keys, such as "lstm"
        drawn = strings((EXAMPLES[name][EXTREME].args, EXAMPLES[name][EXTREME].keywords))
        assert any(HOSTILE in text for text in drawn), "this figure shows text: make it hostile in the extreme example"


# -- what every figure has --------------------------------------------------------------------------------------


@every_case
def test_it_is_complete(case: str) -> None:
    panel = CASES[case]()
    assert panel.name and panel.title and panel.how_to_read.endswith((".", "?")) and "\n" not in panel.how_to_read
    rows = list(csv.reader(io.StringIO(panel.to_csv())))
    assert len({len(row) for row in rows}) <= 1 and len(set(rows[0])) == len(rows[0]) == len(panel.table)
    assert len({len(values) for values in panel.table.values()}) <= 1
    if isinstance(panel, Figure):
        check_axes(panel)
        check_traces(panel)
    elif isinstance(panel, SvgPanel):
        check_drawing(panel)
    else:
        assert panel.lines and {line["kind"] for line in panel.lines} <= {"good", "warning", "fact"}
        assert all(line["text"].endswith((".", "?")) for line in panel.lines)


def axes_of(figure: Figure) -> dict[str, dict[str, Any]]:
    """Name in the layout -> axis, those in 3D included."""
    parts = {**figure.layout, **figure.layout.get("scene", {})}
    return {name: axis for name, axis in parts.items() if "axis" in name}


def check_axes(figure: Figure) -> None:
    assert not {"title", "font", "template", "paper_bgcolor", "plot_bgcolor", "height"} & set(figure.layout)
    axes = axes_of(figure)
    for letter in "xy":  # names stand along an axis, in its labels, or beside it
        mine = [axis for name, axis in axes.items() if name.startswith(letter)]
        assert any(axis.get("title", {}).get("text") or axis.get("ticktext") for axis in mine) or (
            mine and figure.layout["annotations"]
        )
    assert all(axis["range"][0] != axis["range"][1] for axis in axes.values()), "no axis follows what is drawn"


def check_traces(figure: Figure) -> None:
    ids = {name.replace("axis", "") for name in axes_of(figure)}
    for trace in figure.data:
        for field in ("x", "y", "z", "customdata"):
            assert isinstance(trace.get(field, []), (np.ndarray, list)), field
        if trace["type"] != "heatmap":
            assert len({len(trace[letter]) for letter in "xyz" if letter in trace}) == 1
        if trace.get("meta", {}).get("choose"):
            assert len(trace["customdata"]) == len(trace["x"])
        if trace["type"] != "scatter3d":
            assert {trace.get("xaxis", "x"), trace.get("yaxis", "y")} <= ids
        scale = trace.get("colorscale", [])
        assert not isinstance(scale, str), "its name means other colors in JavaScript"
        if scale == GATE_SCALE:
            assert (trace["zmin"], trace["zmax"]) == (0, 1)
        if scale == SIGNED_SCALE:
            assert trace["zmin"] == -trace["zmax"] < 0
    for mark in figure.marks:
        if mark.kind == "point":
            assert len(figure.data[mark.trace]["x"]) == len(figure.data[mark.trace]["y"])
        else:
            assert set(mark.axes) <= ids


def check_drawing(panel: SvgPanel) -> None:
    root = ElementTree.fromstring(panel.svg)
    assert root.tag == f"{SVG}svg" and root.attrib["role"] == "img" and root.attrib["aria-label"]
    assert root.attrib["viewBox"].startswith("0 0 ") and "height" not in root.attrib
    assert {node.tag for node in root.iter()} <= DRAWN
    terms = {node.attrib["data-term"] for node in root.iter() if "data-term" in node.attrib}
    for equation in panel.equations:
        assert equation.name and equation.symbols and equation.numbers
        assert terms <= set(panel.table)


@every_figure
def test_an_empty_figure_says_why(name: str) -> None:
    panel = EXAMPLES[name][EMPTY]()
    if isinstance(panel, TextPanel):
        sentences = [line["text"] for line in panel.lines]
    elif isinstance(panel, SvgPanel):
        sentences = re.findall(r"<text[^>]*>([^<]+)</text>", panel.svg)
    else:
        sentences = [note["text"] for note in panel.layout.get("annotations", ())]
    assert any(text.endswith(".") for text in sentences), "empty without a word"


# -- exports, on both themes ------------------------------------------------------------------------------------


@every_case
def test_it_is_valid_plotly_whose_text_can_be_read(case: str) -> None:
    panel = CASES[case]()
    if isinstance(panel, Figure):
        drawn = panel.to_plotly("dark" if list(CASES).index(case) % 2 else "light").to_plotly_json()
        template = drawn["layout"].pop("template")
        assert drawn["layout"]["title"]["text"] and "<script" not in drawn["layout"]["title"]["text"]
        for color in text_colors(drawn):
            assert contrast(color, template["layout"]["paper_bgcolor"]) >= 4.5, color


def text_colors(part: Any, of_text: bool = False) -> Iterator[str]:
    """The colors of fonts, and of spans within texts, written as #rrggbb."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            if of_text and name == "color":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from text_colors(value, name in ("font", "textfont", "tickfont"))
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from text_colors(value)
    elif isinstance(part, str):
        yield from re.findall(r"color:(#[0-9A-Fa-f]{6})", part)


# -- any text, any number ---------------------------------------------------------------------------------------


@every_case
def test_text_is_text_and_short(case: str) -> None:
    panel = CASES[case]()
    if not isinstance(panel, Figure):
        shown = [panel._repr_html_()]
    else:
        shown = list(strings([*panel.data, panel.layout]))
        labels = [trace["name"] for trace in panel.data if trace.get("showlegend", True) and "name" in trace]
        labels += [text for axis in axes_of(panel).values() for text in axis.get("ticktext", ())]
        labels += [axis.get("title", {}).get("text", "") for axis in axes_of(panel).values()]
        assert max((len(plain(label)) for label in labels), default=0) <= 80
        room = panel.layout["margin"]
        assert room["l"] + room["r"] <= 240, "a window of 320 pixels shows something"
    assert not any("<script" in text for text in shown)


def plain(label: str) -> str:
    return re.sub(r"<[^>]*>|&[a-z]+;", "", label)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e30, -1e30])
@every_figure
def test_numbers_that_are_none_are_no_error(name: str, number: float) -> None:
    def spoiled(values: np.ndarray) -> np.ndarray:
        return np.where(np.arange(values.size).reshape(values.shape) % 2, values, values.dtype.type(number))

    for every in (spoiled, lambda values: np.full_like(values, number)):
        with np.errstate(all="ignore"):
            panel = with_numbers(EXAMPLES[name][USUAL], every)()
        if isinstance(panel, Figure):
            json.dumps(panel.layout, allow_nan=False)
        elif isinstance(panel, SvgPanel):
            check_drawing(panel)


@every_figure
def test_an_update_with_other_numbers_changes_no_layout(name: str) -> None:
    example = EXAMPLES[name][USUAL]
    before, after = example(), with_numbers(example, lambda values: values * values.dtype.type(0.999))()
    assert (before.name, before.how_to_read) == (after.name, after.how_to_read)
    if isinstance(before, Figure) and isinstance(after, Figure):
        assert shape_of(before.layout) == shape_of(after.layout)
        assert [shape_of(trace) for trace in before.data] == [shape_of(trace) for trace in after.data]
        assert list(before.marks) == list(after.marks)
        for axis, other in zip(axes_of(before).values(), axes_of(after).values(), strict=True):
            ends = np.array([axis["range"], other["range"]], dtype=float)
            assert np.abs(ends[0] - ends[1]).max() <= 0.01 * np.ptp(ends[0]), "axes are calm"


def shape_of(part: Any) -> Any:
    """All names within a trace or a layout."""
    if isinstance(part, Mapping):
        return {name: shape_of(value) for name, value in part.items()}
    return type(part)


def strings(part: Any) -> Iterator[str]:
    """All texts within a figure or the arguments of an example."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from strings(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from strings(value)
    elif dataclasses.is_dataclass(part) and not isinstance(part, Figure):
        for field in dataclasses.fields(part):
            yield from strings(getattr(part, field.name))


def with_numbers(example: partial[Panel], change: Callable[[np.ndarray], np.ndarray]) -> partial[Panel]:
    """An example whose measured numbers are changed."""

    def changed(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            return change(part) if part.dtype.kind == "f" else part
        if isinstance(part, Mapping):
            return {name: value if name in CHOSEN else changed(value) for name, value in part.items()}
        if isinstance(part, (list, tuple)):
            return type(part)(map(changed, part))
        if dataclasses.is_dataclass(part) and not isinstance(part, type):
            fields = {each.name: getattr(part, each.name) for each in dataclasses.fields(part) if each.init}
            return dataclasses.replace(part, **changed(fields))
        return part

    return partial(example.func, *changed(example.args), **changed(example.keywords))
