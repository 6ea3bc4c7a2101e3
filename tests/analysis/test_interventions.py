"""The numbers on the wires of a changed cell, against the model that reads so and against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.factories import CELLS, ask, change, made

FIRST_GATE = {"rnn": "pre_activation", "relu": "pre_activation", "lstm": "forget", "gru": "update"}


@given(
    cell=st.sampled_from(CELLS),
    both=st.booleans(),
    layers=st.integers(1, 2),
    unit=st.integers(0, 3),
    which=st.integers(0, 200),
)
def test_the_wires_are_what_the_changed_model_does(cell: str, both: bool, layers: int, unit: int, which: int) -> None:
    """Two ways to the same numbers: every step in double precision, and the changed model's own reading."""
    frozen, direction = made(cell, 4, layers, both), "backward" if both and which % 2 else "forward"
    length = int(frozen.probe.lengths[which % 8])
    edits: dict[str, Any] = {
        "clamp": [(FIRST_GATE[cell], which % 5 - 1, 0.75, 1 + which % length, length)],
        "ablate": [which % 4] if which % 3 == 0 else [],
        "inputs": [(1 + which % length, which % 20)],
        "weights": [("weight_hh", which % 4, which % 3, 1.5), ("bias_ih", which % 4, 0, -0.5)],
    }
    where = {"sequence": which % 8, "layer": which % layers, "direction": direction}
    result = change(frozen, unit=unit, **where, **edits)
    report, passage = result.internals, result.changed
    wires = {"h": "hidden", "c": "cell"}
    right = {**passage.gates, **passage.states}
    for wire in (*report.gate_names, *(("h", "c") if cell == "lstm" else ("h",))):
        values = right[wires.get(wire, wire)][:, unit]
        np.testing.assert_allclose(report.wires[wire], values, atol=3e-5, rtol=3e-5, err_msg=wire)
    mean = change(frozen, unit=None, **where, **edits).internals
    np.testing.assert_allclose(mean.wires["h"], passage.states["hidden"].mean(axis=1), atol=3e-5, rtol=3e-5)
    assert report.changes == result.changes


@pytest.mark.parametrize("cell", CELLS)
def test_the_original_stands_beside_it(cell: str) -> None:
    frozen = made(cell)
    original = ask(frozen, unit=2, sequence=1)
    report = change(frozen, unit=2, sequence=1, ablate=[0]).internals
    assert original.original is None and not original.edited and report.original is not None
    for name, values in original.wires.items():
        np.testing.assert_array_equal(report.original.wires[name], values, err_msg=name)
    assert (report.wires["h"] != original.wires["h"]).any(), "an ablated neighbor is missed"
    assert report.edited == {}, "what only follows from a change is not marked"


def test_a_shut_forget_gate_is_drawn_shut() -> None:
    report = change(made("lstm"), unit=1, clamp=[("forget", -1, 0.0)]).internals
    wires = report.wires
    assert not wires["forget"].any() and not wires["keep"].any()
    np.testing.assert_array_equal(wires["c"], wires["input"] * wires["candidate"])
    np.testing.assert_allclose(wires["h"], wires["output"] * np.tanh(wires["input"] * wires["candidate"]))
    assert wires["forget.pre"].any(), "the sum beneath it is still worked out"
    assert report.original is not None and (report.original.wires["forget"] > 0).all()


def test_an_open_update_gate_holds_the_first_state() -> None:
    report = change(made("gru"), unit=0, clamp=[("update", 0, 1.0)]).internals
    assert not report.wires["h"].any(), "it holds the zeros that it began with"
    np.testing.assert_array_equal(report.wires["take"], 0.0)


def test_marks_follow_steps_and_units() -> None:
    frozen = made("lstm", 4)
    edits: dict[str, Any] = {"clamp": [("forget", 1, 0.5, 2, 3)], "ablate": [0, 1], "inputs": [(2, 3)]}
    one, other, mean = (change(frozen, unit=unit, **edits).internals for unit in (1, 3, None))
    assert [one.edit("forget", t) for t in range(4)] == [("", 0.0), ("clamped", 1.0), ("clamped", 1.0), ("", 0.0)]
    assert one.edit("h", 0) == one.edit("c", 3) == ("ablated", 1.0)
    assert one.edit("x", 1) == ("edited", 1.0) and one.edit("x", 0) == ("", 0.0)
    assert set(other.edited) == {"x"}
    assert mean.edit("forget", 1) == ("clamped", 0.25) and mean.edit("h", 0) == ("ablated", 0.5)
    above = change(made("lstm", 4, 2), unit=1, layer=1, inputs=[(2, 3)]).internals
    assert above.edited == {}, "what enters the second layer only follows"


@pytest.mark.parametrize(
    ("parameter", "wire"),
    [("weight_ih", "candidate.x"), ("weight_hh", "candidate.h"), ("bias_ih", "candidate.b_i")],
)
def test_an_edited_weight_marks_the_part_that_it_is_in(parameter: str, wire: str) -> None:
    frozen = made("gru", 3)  # rows: reset, update, candidate
    report = change(frozen, unit=1, weights=[(parameter, 2 * 3 + 1, 0, 2.0)]).internals
    assert set(report.edited) == {wire} and report.edit(wire, 0) == ("edited", 1.0)
    assert change(frozen, unit=0, weights=[(parameter, 2 * 3 + 1, 0, 2.0)]).internals.edited == {}
    asked = change(frozen, unit=1, weights=[(parameter, 2 * 3 + 1, 0, None)]).internals
    assert asked.edited == {} and asked.changes


def test_a_backward_cell_is_clamped_at_the_steps_of_the_input() -> None:
    changed = change(made("gru", 3, both=True), unit=0, direction="backward", clamp=[("reset", 0, 0.125, 1, 2)])
    report = changed.internals
    assert (report.wires["reset"][:2] == 0.125).all() and (report.wires["reset"][2:] != 0.125).all()
    assert [report.edit("reset", t)[0] for t in range(3)] == ["clamped", "clamped", ""]
