"""Drawings of cells: whole, safe, and every number on the wire that it belongs to."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.cells import CELLS as REGISTERED
from rnn_explorer.figures.cell import samples
from rnn_explorer.figures.cell.cell_drawing import VIEWS, cell_drawing
from rnn_explorer.figures.cell.drawings.canvas import Canvas, signed_range
from rnn_explorer.figures.cell.drawings.unrolled import MOST, window
from rnn_explorer.figures.style import GATE_SCALE, MUTED, STATE_SCALE
from rnn_explorer.figures.svg_panel import SvgPanel, fixed_number
from tests.analysis.factories import CELLS, ask, change, made
from tests.figures.test_equations import report_of_another_cell

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("&")</script>'
EXTREME = (-12.35, 1e-5, 0.0, np.nan, np.inf, -np.inf, 1e7, -1e-30)


def parsed(drawing: SvgPanel) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.svg)


def terms(drawing: SvgPanel) -> dict[str, list[ElementTree.Element]]:
    found: dict[str, list[ElementTree.Element]] = {}
    for node in parsed(drawing).iter():
        if "data-term" in node.attrib:
            found.setdefault(node.attrib["data-term"], []).append(node)
    return found


def texts(node: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in node.iter(f"{SVG}text")]


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """The plates that numbers stand on, as left, top, right, bottom."""
    pattern = r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)" rx="[\d.]+" fill="#'
    return [(x, y, x + w, y + h) for x, y, w, h in (map(float, found) for found in re.findall(pattern, svg))]


def with_values(report: CellInternals, values: tuple[float, ...]) -> CellInternals:
    """The same report with other numbers, gates within their range."""
    wires = {
        name: np.array([values[(t + place) % len(values)] for t in range(report.length)])
        for place, name in enumerate(report.wires)
    }
    return dataclasses.replace(
        report, wires={name: np.clip(w, 0, 1) if name in report.bounded else w for name, w in wires.items()}
    )


@pytest.fixture(params=[*CELLS, "odd", "backward", "mean"])
def report(request: Any) -> CellInternals:
    if request.param == "odd":
        return report_of_another_cell()
    if request.param == "backward":
        return ask(made("lstm", both=True), direction="backward", unit=1)
    return ask(made("gru")) if request.param == "mean" else ask(made(request.param), unit=1)


@pytest.mark.parametrize("view", VIEWS)
def test_every_step_is_a_whole_drawing(report: CellInternals, view: Any) -> None:
    for changed in (report, with_values(report, EXTREME), with_values(report, (np.nan,))):
        for t in range(report.length):
            drawing = cell_drawing(changed, t, view)
            root = parsed(drawing)
            assert root.tag == f"{SVG}svg" and root.attrib["role"] == "img" and root.attrib["aria-label"]
            assert root.attrib["viewBox"].startswith("0 0 ") and drawing.name == "cell"
            assert f"at t = {t + 1}, {report.whose}" in drawing.title
            assert drawing.how_to_read.endswith(".") and "\n" not in drawing.how_to_read
            assert set(terms(drawing)) <= set(report.wires)
            assert drawing.equations and drawing.notes


def test_every_term_of_an_equation_has_a_wire_in_the_drawing(report: CellInternals) -> None:
    drawing = cell_drawing(report, report.length - 1)
    written = {
        token["term"]
        for equation in drawing.equations
        for token in (*equation.symbols, *equation.numbers)
        if "term" in token
    }
    assert written <= set(terms(drawing)) | {"x"} and "x" in terms(drawing)
    assert set(terms(drawing)) == set(report.wires), "and every wire is drawn"


def test_every_wire_bears_its_number(report: CellInternals) -> None:
    t = report.length - 1
    for name, nodes in terms(cell_drawing(report, t)).items():
        shown = [text for node in nodes for text in texts(node)]
        if name != "x":  # of a vector what stands there is said in words
            assert fixed_number(float(report.wires[name][t])) in shown, name
        assert any(title.text.startswith(name) for node in nodes for title in node.iter(f"{SVG}title"))


def test_the_unrolled_view_shows_the_state_between_the_steps() -> None:
    report = ask(made("lstm"), unit=2)
    drawing = cell_drawing(report, 3, "unrolled")
    shown = texts(parsed(drawing))
    for name in ("h", "c"):
        for t in window(3, report.length):
            assert fixed_number(float(report.wires[name][t])) in shown
    found = terms(drawing)
    assert set(found) == {"h", "h_prev", "c", "c_prev", *report.gate_names}, "only the current step lights up"
    assert fixed_number(float(report.wires["h_prev"][3])) in texts(found["h_prev"][1])
    chosen = [node.attrib for node in parsed(drawing).iter() if "data-choose" in node.attrib]
    assert [int(about["data-value"]) for about in chosen] == [t + 1 for t in window(3, report.length)]
    assert {about["data-choose"] for about in chosen} == {"time"}


def test_a_backward_cell_flows_backward() -> None:
    report = ask(made("gru", both=True), direction="backward", unit=2)
    drawing = cell_drawing(report, 2, "unrolled")
    wire = next(node for node in terms(drawing)["h_prev"])
    x = [float(value) for value in re.findall(r"[ML]([\d.]+) ", wire.find(f"{SVG}path").attrib["d"])]  # type: ignore[union-attr]
    assert x[0] > x[-1], "from right to left"
    own = next(node for node in terms(drawing)["h"])
    assert max(map(float, re.findall(r"[ML]([\d.]+) ", own.find(f"{SVG}path").attrib["d"]))) < x[-1]  # type: ignore[union-attr]
    assert "ht+1" in texts(parsed(cell_drawing(report, 2)))


@pytest.mark.parametrize(
    "t, length, steps",
    [
        (0, 1, [0]),
        (2, 5, [0, 1, 2, 3, 4]),
        (0, 9, list(range(7))),
        (8, 9, list(range(2, 9))),
        (5, 20, list(range(2, 9))),
    ],
)
def test_the_window_holds_the_current_step_in_the_middle_where_it_can(t: int, length: int, steps: list[int]) -> None:
    assert list(window(t, length)) == steps and len(steps) <= MOST


def test_a_step_beyond_the_ends_is_the_nearest() -> None:
    report = ask(made("rnn"))
    assert cell_drawing(report, 99).title == cell_drawing(report, report.length - 1).title
    assert "at t = 1," in cell_drawing(report, -3).title
    with pytest.raises(ValueError, match="single or unrolled"):
        cell_drawing(report, 0, "both")  # type: ignore[arg-type]


@pytest.mark.parametrize("view", VIEWS)
def test_text_is_text(report: CellInternals, view: Any) -> None:
    labels = (HOSTILE,) * report.length
    hostile = dataclasses.replace(report, inputs=labels)
    for drawing in (cell_drawing(hostile, 0, view), cell_drawing(report, 0, view, inputs=labels)):
        assert "<script" not in drawing.svg
        assert any("<script>" in text for text in texts(parsed(drawing)))
        assert {node.tag for node in parsed(drawing).iter()} <= {
            f"{SVG}{name}" for name in ("svg", "g", "title", "path", "rect", "circle", "text", "tspan")
        }


def test_names_of_somebody_elses_cell_are_text_too() -> None:
    name = 'd<o>"or&'
    report = report_of_another_cell(gate_names=(name,), bounded=frozenset())
    report = dataclasses.replace(report, wires={**report.wires, name: np.array([0.1, 0.2])})
    drawing = cell_drawing(report, 0)
    assert name in terms(drawing) and name in texts(parsed(drawing))


@pytest.mark.parametrize("label", [" ", "", "\n", "a very long thing that enters"])
def test_what_enters_can_be_seen(label: str) -> None:
    report = dataclasses.replace(ask(made("rnn")), inputs=(label,) * 8)
    shown = texts(parsed(cell_drawing(report, 0)))
    assert {" ": "␣", "": "∅", "\n": "⏎"}.get(label, "a very long thing that …") in shown


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("values", [(-12.35,), (1e-5,), (0.0,), (-0.99,), (np.nan,)])
def test_numbers_of_the_usual_size_do_not_overlap(report: CellInternals, view: Any, values: tuple[float, ...]) -> None:
    drawing = cell_drawing(with_values(report, values), 1, view)
    plates = boxes(drawing.svg)
    assert len(plates) > 3
    width, height = map(float, parsed(drawing).attrib["viewBox"].split()[2:])
    for place, (left, top, right, bottom) in enumerate(plates):
        assert left >= 0 and top >= 0 and right <= width and bottom <= height
        for other in plates[:place]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] + 0.5 or other[3] <= top + 0.5
            assert apart, (plates[place], other)


def test_letters_are_large_enough_for_a_projector(report: CellInternals) -> None:
    for view in VIEWS:
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', cell_drawing(report, 0, view).svg)]
        assert sizes and min(sizes) >= 15


def test_gates_and_signed_values_have_scales_of_their_own() -> None:
    report = ask(made("lstm"), unit=0)
    canvas = Canvas(report, 0, 10, 10, "nothing")
    ends = {scale[0][1].lower() for scale in (GATE_SCALE, STATE_SCALE)}
    assert {canvas.color("forget", 0.0), canvas.color("h", -canvas.limit)} == ends
    assert canvas.color("forget", 1.0) == GATE_SCALE[-1][1].lower()
    assert canvas.color("c", 99 * canvas.limit) == STATE_SCALE[-1][1].lower()
    assert canvas.color("c", np.nan) == MUTED
    assert canvas.strength("h", 0.0) < canvas.strength("h", -0.5 * canvas.limit) < canvas.strength("h", canvas.limit)
    assert canvas.strength("h", np.inf) == canvas.strength("h", canvas.limit)


def test_the_scale_does_not_move_from_step_to_step() -> None:
    report = ask(made("lstm"), unit=0)
    largest = max(np.abs(report.wires[name]).max() for name in ("c", "h", "write", "keep"))
    assert signed_range(report) >= min(1.0, largest)
    legends = {tuple(texts(parsed(cell_drawing(report, t)))[-6:]) for t in range(report.length)}
    assert len(legends) == 1


def test_the_table_holds_every_wire_at_every_step(report: CellInternals) -> None:
    rows = list(csv.DictReader(io.StringIO(cell_drawing(report, 0).to_csv())))
    assert len(rows) == report.length and [int(row["step"]) for row in rows] == list(range(1, report.length + 1))
    assert {"step", "what enters", *report.wires} == set(rows[0])
    np.testing.assert_allclose([float(row["h"]) for row in rows], report.wires["h"])


def test_pointing_at_a_sum_tells_its_largest_terms() -> None:
    report = ask(made("lstm", 12), unit=4)
    nodes = terms(cell_drawing(report, 2))["forget.h"]
    words = next(title.text for node in nodes for title in node.iter(f"{SVG}title"))
    largest = report.terms("forget.h", 2)
    assert words is not None and words.splitlines()[2:] == [
        f"{name}: {fixed_number(value, 3)}" for name, value in largest
    ]
    assert len(largest) == 5 and largest[0][0].startswith("unit ")


@pytest.mark.parametrize("cell", REGISTERED.names())
def test_the_sample_of_a_cell_has_the_wires_of_a_model(cell: str) -> None:
    assert set(samples.internals(cell).wires) == set(ask(made(cell), unit=1).wires)


# -- a changed cell ---------------------------------------------------------------------------------------------


def test_a_clamped_gate_shows_its_value_a_padlock_and_what_it_was() -> None:
    report = change(made("lstm"), unit=1, clamp=[("forget", -1, 0.0, 3, 4)]).internals
    assert report.original is not None
    was = fixed_number(float(report.original.wires["forget"][3]))
    drawing = cell_drawing(report, 3)
    (chip,) = [node for node in terms(drawing)["forget"] if "0.00" in texts(node)]
    assert texts(chip) == ["0.00", was] and len(padlocks(chip)) == 1
    box = next(node for node in terms(drawing)["forget"] if "σ forget" in texts(node))
    assert len(padlocks(box)) == 1
    words = texts(parsed(drawing))
    assert "forget clamped" in words and "as trained" in words
    assert "what if: forget gate of all units clamped to 0 at t = 3 to 4" in drawing.title
    assert all(not padlocks(node) for name, nodes in terms(drawing).items() if name != "forget" for node in nodes)
    later = cell_drawing(report, 5)
    assert not padlocks(parsed(later)), "at a later step nothing is clamped"
    assert "forget clamped" not in texts(parsed(later)) and "as trained" in texts(parsed(later))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_number_that_is_another_one_stands_beside_the_old_one(cell: str, view: Any) -> None:
    report = change(made(cell), unit=2, inputs=[(2, 5)], ablate=[0]).internals
    assert report.original is not None
    for t in range(4):
        drawing = cell_drawing(report, t, view)
        for name, nodes in terms(drawing).items():
            new, old = (fixed_number(float(each.wires[name][t])) for each in (report, report.original))
            chips = [node for node in nodes if new in texts(node)]
            for chip in chips:
                assert texts(chip) == [new] if new == old else texts(chip)[:2] == [new, old], (name, t)
    entering = next(node for node in terms(cell_drawing(report, 1))["x"] if padlocks(node))
    assert texts(entering) == [report.inputs[1], report.original.inputs[1]]


def test_a_model_that_is_not_changed_has_neither_padlock_nor_gray_numbers() -> None:
    for view in VIEWS:
        root = parsed(cell_drawing(ask(made("gru"), unit=1), 2, view))
        assert not padlocks(root) and "as trained" not in texts(root)


def test_the_unrolled_view_marks_the_clamped_steps() -> None:
    report = change(made("lstm"), unit=1, clamp=[("forget", 1, 0.0, 2, 3)]).internals
    assert len(padlocks(parsed(cell_drawing(report, 4, "unrolled")))) == 2


def test_the_equations_say_what_is_clamped_and_what_was() -> None:
    report = change(made("lstm"), unit=1, clamp=[("forget", -1, 0.0)]).internals
    assert report.original is not None
    lines = {line.name: line for line in cell_drawing(report, 3).equations}
    forget = "".join(token["text"] for token in lines["forget gate"].numbers)
    assert forget.startswith("0.000 (clamped, in place of σ(") and forget.endswith("))")
    assert lines["forget gate"].numbers[0].get("edited") is True
    right = cell_drawing(report.original, 3).equations
    for line in right:
        mine = lines[line.name]
        assert mine.original in ((), line.numbers)
        assert (mine.original == ()) is (mine.numbers == line.numbers), line.name
    assert lines["cell state"].original, "the cell state is another one"


def test_a_mean_says_in_how_many_units() -> None:
    report = change(made("lstm"), clamp=[("forget", 1, 0.0)], weights=[("weight_hh", 0, 0, 9.0)]).internals
    lines = {line.name: "".join(token["text"] for token in line.numbers) for line in cell_drawing(report, 1).equations}
    assert lines["forget gate"].endswith("(clamped in 1 of 5 units)")
    assert "forget clamped in 1 unit" in " ".join(texts(parsed(cell_drawing(report, 1))))


def test_the_table_has_both_models() -> None:
    report = change(made("lstm"), unit=1, clamp=[("forget", -1, 0.0, 2, 2)], inputs=[(2, 5)]).internals
    assert report.original is not None
    table = cell_drawing(report, 0).table
    np.testing.assert_array_equal(table["forget"], report.wires["forget"])
    np.testing.assert_array_equal(table["original: forget"], report.original.wires["forget"])
    assert list(table["changed"][:3]) == ["", "forget clamped; x edited", ""]
    header, *rows = cell_drawing(report, 0).to_csv().splitlines()
    assert "original: h" in header and len(rows) == report.length


def padlocks(node: ElementTree.Element) -> list[ElementTree.Element]:
    return [part for part in node.iter() if part.get("class") == "rx-padlock"]
