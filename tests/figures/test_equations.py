"""Equations with numbers: every number is on its wire, and what is written is true."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.cell.equations import equations, letter, notes
from rnn_explorer.figures.svg_panel import Equation, Token, fixed_number
from tests.analysis.factories import CELLS, ask, made

FUNCTIONS = {"σ": lambda x: 1 / (1 + math.exp(-x)), "tanh": math.tanh, "relu": lambda x: max(x, 0.0)}


def text(tokens: tuple[Token, ...]) -> str:
    return "".join(token["text"] + token.get("sub", "") for token in tokens)


def sides(equation: Equation) -> list[float]:
    """The value of each side of an equation with numbers, as a pocket calculator has it."""
    written = text(equation.numbers).replace("−", "-").replace("·", "*").replace("∞", "inf")
    assert re.fullmatch(r"[-0-9.e+*()= σtanhrelu]+", written), written
    return [float(eval(side, {"__builtins__": {}}, FUNCTIONS)) for side in written.split(" = ")]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("unit", [0, 3])
def test_all_sides_of_an_equation_are_equal_but_for_rounding(cell: str, unit: int) -> None:
    report = ask(made(cell), unit=unit)
    for t in range(report.length):
        for decimals in (2, 3, 5):
            for equation in equations(report, t, decimals):
                result, *others = sides(equation)
                assert others
                for other in others:  # up to five rounded numbers, and factors that may be above 1
                    assert other == pytest.approx(result, abs=5 * 10**-decimals * max(1, abs(result))), equation.name


@pytest.mark.parametrize("cell", CELLS)
def test_the_result_is_what_the_model_computed(cell: str) -> None:
    frozen = made(cell)
    entry = frozen.model.trace(frozen.probe).layers[0]
    report = ask(frozen, unit=2)
    recorded = {**entry.gates, **{name[0]: values for name, values in entry.states.items()}}
    for equation in equations(report, 4):
        token = equation.numbers[0]
        right = recorded[token["term"]][0, 4, 2]
        assert float(token["text"].replace("−", "-")) == pytest.approx(right, abs=6e-4 * max(1, abs(right)))
    assert {equation.numbers[0]["term"] for equation in equations(report, 4)} >= set(report.gate_names) | {"h"}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("unit", [None, 1])
def test_every_number_is_that_of_its_wire(cell: str, unit: int | None) -> None:
    report = ask(made(cell), unit=unit)
    for equation in equations(report, 2):
        for token in (*equation.symbols, *equation.numbers):
            assert token.get("term", "x") in report.wires
        for token in equation.numbers:
            if "term" in token:
                assert token["text"].strip("()") == fixed_number(float(report.wires[token["term"]][2]), 3)


def test_means_are_given_only_for_what_adds_up() -> None:
    report = ask(made("lstm"))
    found = {equation.name: text(equation.numbers) for equation in equations(report, 3)}
    assert re.fullmatch(r"\S+ = \S+ \+ \S+", found["cell state"])
    assert found["hidden state"].endswith("= mean of o · tanh(c)")
    for equation in equations(report, 3)[:4]:
        *_, sum_, parts = text(equation.numbers).replace("−", "-").split(" = ")
        assert float(sum_) == pytest.approx(eval(parts), abs=3e-3)


def test_letters_are_those_of_the_cells_own_files() -> None:
    written = {
        cell: [text(equation.symbols) for equation in equations(ask(made(cell), unit=0), 0)]
        for cell in ("rnn", "relu", "lstm", "gru")
    }
    assert written["rnn"] == ["at = Wihxt + bih + Whhht−1 + bhh", "ht = tanh(at)"]
    assert written["relu"][1] == "ht = relu(at)"
    assert written["lstm"][1] == "ft = σ(Wifxt + bif + Whfht−1 + bhf)"
    assert written["lstm"][4:] == ["ct = ft · ct−1 + it · gt", "ht = ot · tanh(ct)"]
    assert written["gru"][2:] == ["nt = tanh(Winxt + bin + rt · (Whnht−1 + bhn))", "ht = (1 − zt) · nt + zt · ht−1"]
    assert (letter("gru", "candidate"), letter("lstm", "candidate"), letter("odd", "door")) == ("n", "g", "door")


def test_a_backward_cell_comes_from_the_step_after() -> None:
    report = ask(made("gru", both=True), direction="backward", unit=0)
    assert "ht+1" in text(equations(report, 0)[-1].symbols)
    assert any("reads from the end" in note for note in notes(report))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("unit", [None, 1])
def test_conventions_are_said_in_sentences(cell: str, unit: int | None) -> None:
    found = notes(ask(made(cell), unit=unit))
    assert all(note.endswith(".") and len(note) < 260 for note in found)
    assert any("two biases" in note for note in found)
    assert any("means over the 5 units" in note for note in found) == (unit is None)
    if cell == "gru":
        assert any("z = 1 keeps" in note for note in found) and any("reset_after=True" in note for note in found)


def report_of_another_cell(**more: Any) -> CellInternals:
    wires = {name: np.array([0.5, -2.0]) for name in ("x", "h_prev", "h", "count", "count_prev", "my_door")}
    about: dict[str, Any] = {
        "cell": "odd", "layer": 0, "direction": "forward", "sequence": 0, "unit": 0, "hidden_size": 2, "input_size": 1,
        "nonlinearity": "tanh", "gate_names": ("my_door",), "state_names": ("hidden", "count"),
        "bounded": frozenset({"my_door"}), "wires": wires, "inputs": ("a", "b"), "input_names": ("a",),
    }  # fmt: skip
    return CellInternals(**{**about, **more})


def test_a_cell_of_somebody_else_gets_its_numbers_without_equations() -> None:
    report = report_of_another_cell()
    found = equations(report, 1)
    assert [(e.name, text(e.numbers)) for e in found] == [("my_door", "−2.000"), ("h", "−2.000"), ("count", "−2.000")]
    assert any("not written down" in note for note in notes(report))


@pytest.mark.parametrize(
    "value, decimals, written",
    [
        (0.0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (0.125, 3, "0.125"),
        (-12.35, 2, "−12.35"),
        (1e-5, 2, "1e−5"),
        (-0.0049, 2, "−5e−3"),
        (0.005, 2, "0.01"),
        (99.99, 2, "100.0"),
        (1234.5, 2, "1234"),
        (1234.5, 3, "1234.5"),
        (12345.0, 2, "1.2e4"),
        (-1e30, 3, "−1.0e30"),
        (math.nan, 2, "nan"),
        (math.inf, 2, "∞"),
        (-math.inf, 2, "−∞"),
    ],
)
def test_numbers_of_any_size_are_short(value: float, decimals: int, written: str) -> None:
    assert fixed_number(value, decimals) == written
