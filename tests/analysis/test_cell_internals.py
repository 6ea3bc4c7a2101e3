"""The numbers inside a cell against the cell itself, and what would have been against models that really are so."""

from __future__ import annotations

import copy
import functools
import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rnn_explorer.analysis.cell_internals.compute import TOP
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.cells.base import Change, RecurrentCell, State, before, unchanged
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import LayerTrace
from tests.analysis.factories import CELLS, ask, change, made

SHAPES = st.tuples(st.sampled_from(CELLS), st.integers(1, 6), st.integers(1, 2), st.booleans(), st.integers(0, 999))


def recorded(
    frozen: FrozenModel, sequence: int, layer: int, direction: Any
) -> tuple[dict[str, np.ndarray], LayerTrace]:
    """Gates and states of the real steps as the model's own trace has them, by the names of the wires."""
    trace = frozen.model.trace(frozen.probe)
    entry, length = trace.layer(layer, direction), int(trace.lengths[sequence])
    found = {name: values[sequence, :length] for name, values in {**entry.gates, **entry.states}.items()}
    found["h"] = found.pop("hidden")
    if "cell" in found:
        found["c"] = found.pop("cell")
    return found, entry


# -- the numbers on the wires -----------------------------------------------------------------------------------


@given(shape=SHAPES, sequence=st.integers(0, 7), which=st.integers(0, 100))
def test_the_wires_are_the_models_own_numbers(shape: Any, sequence: int, which: int) -> None:
    cell, hidden, layers, both, seed = shape
    frozen = made(cell, hidden, layers, both, seed)
    direction = "backward" if both and which % 2 else "forward"
    layer, unit = which % layers, which % hidden
    report = ask(frozen, sequence=sequence, layer=layer, direction=direction, unit=unit)
    right, entry = recorded(frozen, sequence, layer, direction)
    assert (report.cell, report.gate_names) == (entry.cell, tuple(entry.gates))
    assert report.length == len(right["h"]) == int(frozen.probe.lengths[sequence]), "no padding"
    for name, values in right.items():
        np.testing.assert_allclose(report.wires[name], values[:, unit], atol=2e-5, rtol=2e-5, err_msg=name)
    old, new = report.wires["h_prev"], report.wires["h"]
    if direction == "backward":
        old, new = old[::-1], new[::-1]
    assert old[0] == 0, "a sequence begins with nothing"
    np.testing.assert_allclose(old[1:], new[:-1], atol=2e-5, rtol=2e-5)


@given(shape=SHAPES)
def test_for_one_unit_everything_adds_up(shape: Any) -> None:
    cell, hidden, layers, both, seed = shape
    report = ask(made(cell, hidden, layers, both, seed), unit=hidden - 1, layer=layers - 1)
    w = report.wires
    exact = functools.partial(np.testing.assert_allclose, atol=1e-12, rtol=1e-12)

    def parts(gate: str) -> np.ndarray:
        return w[f"{gate}.x"] + w[f"{gate}.b_i"] + w[f"{gate}.h"] + w[f"{gate}.b_h"]

    def sigma(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    if report.cell == "rnn":
        exact(w["pre_activation"], parts("pre_activation"))
        exact(w["h"], np.tanh(w["pre_activation"]) if cell == "rnn" else np.maximum(w["pre_activation"], 0))
    elif report.cell == "lstm":
        for gate in ("input", "forget", "output"):
            exact(w[f"{gate}.pre"], parts(gate))
            exact(w[gate], sigma(w[f"{gate}.pre"]))
        exact(w["candidate"], np.tanh(parts("candidate")))
        exact(w["keep"], w["forget"] * w["c_prev"])
        exact(w["c"], w["forget"] * w["c_prev"] + w["input"] * w["candidate"])
        exact(w["write"], w["c"] - w["keep"])
        exact(w["h"], w["output"] * np.tanh(w["c"]))
        exact(w["tanh_c"], np.tanh(w["c"]))
    else:
        exact(w["reset"], sigma(parts("reset")))
        exact(w["update"], sigma(parts("update")))
        gated = w["reset"] * (w["candidate.h"] + w["candidate.b_h"])
        exact(w["candidate.gated"], gated)
        exact(w["candidate"], np.tanh(w["candidate.x"] + w["candidate.b_i"] + gated))
        exact(w["h"], (1 - w["update"]) * w["candidate"] + w["update"] * w["h_prev"])
        exact(w["keep"] + w["write"], w["h"])
    assert all(w[name].min() >= 0 and w[name].max() <= 1 for name in report.bounded)


@pytest.mark.parametrize("cell", CELLS)
def test_the_input_part_of_a_symbol_is_one_weight(cell: str) -> None:
    frozen = made(cell, more="&embedding=0")
    report = ask(frozen, sequence=2, unit=3)
    weights, own = frozen.cell(), frozen.probe.inputs[2]
    for number, gate in enumerate(report.gate_names):
        for t in range(report.length):
            row = number * 5 + 3
            assert report.wires[f"{gate}.x"][t] == pytest.approx(float(weights.weight_ih[row, own[t]]))
            assert report.wires[f"{gate}.b_i"][t] == pytest.approx(float(weights.bias_ih[row]))
            assert report.wires[f"{gate}.b_h"][t] == pytest.approx(float(weights.bias_hh[row]))
            (name, value), *rest = report.terms(f"{gate}.x", t)
            assert name == frozen.model.input_spec.names[own[t]] and not rest, "what is 0 is left out"
            assert value == pytest.approx(report.wires[f"{gate}.x"][t])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_mean_is_the_mean_over_all_units(cell: str, direction: Any) -> None:
    frozen = made(cell, both=True)
    whole = ask(frozen, direction=direction)
    units = [ask(frozen, direction=direction, unit=unit) for unit in range(5)]
    assert list(whole.wires) == list(units[0].wires) and not whole.largest
    for name, values in whole.wires.items():
        np.testing.assert_allclose(values, np.mean([each.wires[name] for each in units], axis=0), atol=1e-12)
    assert (whole.whose, units[2].whose) == ("mean over 5 units", "unit 2")


def test_the_mean_of_a_product_is_not_the_product_of_the_means() -> None:
    w = ask(made("lstm", 6)).wires
    np.testing.assert_allclose(w["c"], w["keep"] + w["write"], atol=1e-12)
    assert np.abs(w["keep"] - w["forget"] * w["c_prev"]).max() > 0.01


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_largest_terms_are_those_of_the_sum(cell: str, direction: Any) -> None:
    frozen = made(cell, 4, both=True, task="adding", more="&seq_len=10")
    report = ask(frozen, unit=1, direction=direction)
    for gate in report.gate_names:
        for t in range(report.length):
            for part in ("x", "h"):  # 2 inputs and 4 units are fewer than are kept, so they are all of the sum
                terms = report.terms(f"{gate}.{part}", t)
                assert sum(value for _, value in terms) == pytest.approx(report.wires[f"{gate}.{part}"][t], abs=1e-9)
                sizes = [abs(value) for _, value in terms]
                assert sizes == sorted(sizes, reverse=True)
            assert {name for name, _ in report.terms(f"{gate}.x", t)} <= {"number", "marker"}
    assert report.terms("nothing", 0) == []


def test_no_more_than_the_top_terms_are_kept() -> None:
    report = ask(made("gru", 12), unit=0)
    assert report.largest["update.h"].index.shape == (report.length, TOP)


def test_what_enters_has_words_and_names() -> None:
    plain = made("rnn", more="&embedding=0")
    names = ask(plain)
    assert "".join(names.inputs) == "".join(names.input_names[s] for s in plain.probe.inputs[0][: names.length])
    above = ask(made("rnn", 5, 2, True), layer=1, unit=0)
    assert above.inputs[0] == "10 units" and above.input_names[0] == "unit 0 below"
    assert above.input_names[7] == "unit 2 below, backward" and above.input_size == 10
    adding = ask(made("rnn", task="adding"))
    number, marker = adding.inputs[0].split(", ")
    assert 0 <= float(number) <= 1 and marker in ("0", "1")
    digits = ask(made("rnn", task="digits"))
    assert digits.inputs[0] == "8 numbers" and len(digits.input_names) == 8
    norm = np.linalg.norm(made("rnn", task="digits").probe.inputs[0].numpy(), axis=1)
    np.testing.assert_allclose(digits.wires["x"], norm, rtol=1e-6)
    embedded = ask(made("rnn", more="&embedding=3"), unit=0)
    assert embedded.input_names == ("embedding 0", "embedding 1", "embedding 2")


class Odd(RecurrentCell):
    """A cell of somebody else: h_t = gate * h_{t-1} + x W, with a second state that counts."""

    key, title = "odd", "Odd cell"
    state_names = ("hidden", "count")
    gate_names = ("door",)
    bounded = frozenset({"door"})

    def step(self, x: Tensor, state: State) -> tuple[State, dict[str, Tensor]]:  # type: ignore[override]
        door = torch.sigmoid(x @ self.weight_ih.T)
        return (door * state[0] + 1, state[1] + 1), {"door": door}

    def look(self, x: Tensor, state: State) -> dict[str, Tensor]:
        rows = []
        for t in range(x.shape[1]):
            state, gates = self.step(x[:, t], state)
            rows.append({**gates, "hidden": state[0], "count": state[1]})
        return {name: torch.stack([row[name] for row in rows], dim=1) for name in rows[0]}

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        seen = self.look(x, state)
        return seen["hidden"], (seen["hidden"][:, -1], seen["count"][:, -1])


def odd() -> FrozenModel:
    frozen = made("rnn", seed=77)
    frozen = FrozenModel(**{**vars(frozen), "model": copy.deepcopy(frozen.model)})
    layer = frozen.model.stack()[0]
    cell = Odd(layer.forwards.input_size, 5)
    cell.load_state_dict(layer.forwards.state_dict())
    layer.forwards = cell.requires_grad_(False)
    return frozen


def test_a_cell_of_somebody_else_still_gives_gates_and_states() -> None:
    report = ask(odd(), unit=2)
    assert set(report.wires) == {"x", "h_prev", "h", "count_prev", "count", "door"}
    assert report.bounded == {"door"}
    np.testing.assert_allclose(report.wires["count"], np.arange(1, report.length + 1))
    np.testing.assert_allclose(report.wires["count_prev"], np.arange(report.length))
    w = report.wires
    np.testing.assert_allclose(w["h"], w["door"] * w["h_prev"] + 1, rtol=1e-5)
    result = change(odd(), ablate=[0])
    assert not result.changed.states["hidden"][:, 0].any() and result.changed.states["hidden"][:, 1].all()
    with pytest.raises(ValueError, match="cannot be clamped"):
        change(odd(), clamp=[("door", -1, 1.0)])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"sequence": 8}, "sequence is 8, but must be a whole number from 0 to 7"),
        ({"sequence": -1}, "sequence is -1"),
        ({"sequence": True}, "sequence is True"),
        ({"unit": 5}, "unit is 5, but must be a whole number from 0 to 4"),
        ({"unit": -1}, "unit is -1"),
        ({"unit": 1.5}, "unit is 1.5"),
        ({"layer": 1}, "layer is 1"),
        ({"direction": "backward"}, "forwards only"),
    ],
)
def test_what_there_is_not_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ask(made("lstm"), **options)
    if "unit" not in options:
        with pytest.raises(ValueError, match=words):
            change(made("lstm"), **options)


def test_an_exploded_model_is_shown_as_it_is() -> None:
    frozen = FrozenModel(**{**vars(made("relu")), "model": copy.deepcopy(made("relu").model)})
    frozen.cell().weight_hh.fill_(1e30)
    report = ask(frozen, unit=0)
    assert not np.isfinite(report.wires["h"]).all()
    result = change(frozen, ablate=[1])
    assert json.loads(json.dumps([report.to_dict(), result.to_dict()], allow_nan=False))


def test_records_travel() -> None:
    report, result = ask(made("gru"), unit=1), change(made("gru"), ablate=[1], inputs=[(1, 3)])
    for record in (report, result):
        again = pickle.loads(pickle.dumps(record))
        assert json.dumps(again.to_dict(), allow_nan=False) == json.dumps(record.to_dict(), allow_nan=False)
    told = report.to_dict()
    assert told["wires"]["h"] == report.wires["h"].tolist() and len(told["largest"]["update.h"]) == report.length


def test_questions_leave_torch_and_the_model_as_they_were() -> None:
    frozen = made("lstm", both=True)
    was = {name: value.clone() for name, value in frozen.model.state_dict().items()}
    for progress in (
        ANALYSES.get("cell_internals")(frozen),
        ANALYSES.get("what_if")(frozen, weights=[("weight_hh", 0, 0, 3.0)], inputs=[(1, 2)], ablate=[1]),
    ):
        shares = []
        while True:
            try:
                shares.append(next(progress))
            except StopIteration:
                break
            assert torch.is_grad_enabled(), "others train between two slices"
        assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1
    for name, value in frozen.model.state_dict().items():
        assert torch.equal(value, was[name])


# -- what if ----------------------------------------------------------------------------------------------------


@given(shape=SHAPES, sequence=st.integers(0, 7), task=st.sampled_from(["names", "adding"]))
def test_with_nothing_changed_it_is_what_the_model_does(shape: Any, sequence: int, task: str) -> None:
    cell, hidden, layers, both, seed = shape
    frozen = made(cell, hidden, layers, both, seed, task)
    direction = "backward" if both else "forward"
    result = change(frozen, sequence=sequence, layer=layers - 1, direction=direction)
    trace = frozen.model.trace(frozen.probe)
    entry, length = trace.layer(layers - 1, direction), int(trace.lengths[sequence])
    close = functools.partial(np.testing.assert_allclose, atol=2e-5, rtol=2e-5)
    for passage in (result.original, result.changed):
        assert (list(passage.gates), list(passage.states)) == (list(entry.gates), list(entry.states))
        for name, values in {**passage.gates, **passage.states}.items():
            close(values, {**entry.gates, **entry.states}[name][sequence, :length], err_msg=name)
        close(passage.answers, trace.answers[sequence, :length])
    assert not result.distance().any() and result.changes == ()
    words = frozen.task.explain(trace.inputs[sequence], trace.targets[sequence], length, trace.answers[sequence])
    assert result.answer_words() == (words.verdict, words.verdict)


def test_a_shut_forget_gate_leaves_what_is_written() -> None:
    result = change(made("lstm"), clamp=[("forget", -1, 0.0)])
    gates, states = result.changed.gates, result.changed.states
    np.testing.assert_array_equal(states["cell"], gates["input"] * gates["candidate"])
    assert not gates["forget"].any() and result.distance().any()
    assert result.changes == ("forget gate of all units clamped to 0 at every time step",)


def test_a_shut_output_gate_says_nothing_whatever_the_cell_holds() -> None:
    result = change(made("lstm"), clamp=[("output", 2, 0)])
    assert not result.changed.states["hidden"][:, 2].any() and result.changed.states["cell"][:, 2].all()
    assert result.changed.states["hidden"][:, 3].all()


def test_an_update_gate_of_one_keeps_the_state_for_ever() -> None:
    frozen = made("gru")
    assert not change(frozen, clamp=[("update", -1, 1.0)]).changed.states["hidden"].any(), "from nothing, nothing"
    length = ask(frozen).length
    states = change(frozen, clamp=[["update", -1, 1.0, 3, length]]).changed.states["hidden"]
    assert states[1].any() and not np.diff(states[1:], axis=0).any()


def test_a_shut_reset_gate_makes_the_candidate_forget_the_past() -> None:
    frozen = made("gru")
    result = change(frozen, clamp=[("reset", -1, 0.0)])
    report, cell = ask(frozen, unit=1), frozen.cell()
    alone = np.tanh(report.wires["candidate.x"] + float(cell.bias_ih[2 * 5 + 1]))
    np.testing.assert_allclose(result.changed.gates["candidate"][:, 1], alone, atol=1e-6)


def test_a_clamped_pre_activation_is_what_is_squashed() -> None:
    result = change(made("rnn"), clamp=[("pre_activation", 1, 0.5), ("pre_activation", 2, -3)])
    np.testing.assert_allclose(result.changed.states["hidden"][:, 1], np.tanh(0.5), rtol=1e-6)
    np.testing.assert_allclose(result.changed.states["hidden"][:, 2], np.tanh(-3), rtol=1e-6)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_gate_is_clamped_at_the_steps_that_are_named(direction: Any) -> None:
    result = change(made("lstm", both=True), direction=direction, clamp=[("input", -1, 0.25, 2, 4)])
    clamped = (result.changed.gates["input"] == 0.25).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(clamped), [1, 2, 3])
    untouched = slice(0, 1) if direction == "forward" else slice(4, None)
    assert not result.distance()[untouched].any() and result.distance()[1:4].all()
    assert result.changes == ("input gate of all units clamped to 0.25 at t = 2 to 4",)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_an_ablated_unit_is_one_that_nobody_hears(cell: str, layers: int) -> None:
    frozen = made(cell, 5, layers)
    result = change(frozen, ablate=[3, 1])
    deaf = copy.deepcopy(frozen.model)
    for unit in (1, 3):  # its state is 0 for all who would read it: the layer itself, and what comes next
        deaf.stack()[0].forwards.weight_hh[:, unit] = 0
        after = deaf.head.weight if layers == 1 else deaf.stack()[1].forwards.weight_ih
        after[:, unit] = 0
    length = result.length
    np.testing.assert_allclose(result.changed.answers, deaf.trace(frozen.probe).answers[0, :length], atol=1e-5)
    assert all(not values[:, [1, 3]].any() for values in result.changed.states.values())


@pytest.mark.parametrize("both", [False, True])
def test_another_symbol_is_another_sequence(both: bool) -> None:
    frozen = made("gru", 4, 2, both)
    result = change(frozen, sequence=1, inputs=[(3, 7)])
    inputs = frozen.probe.inputs.clone()
    inputs[1, 2] = 7
    right = frozen.model.trace(TensorBatch(inputs, frozen.probe.targets, frozen.probe.lengths))
    np.testing.assert_allclose(result.changed.answers, right.answers[1, : result.length], atol=1e-5)
    assert not result.distance()[:2].any() and result.distance()[2] > 0
    names = frozen.model.input_spec.names
    assert result.changes == (f"input at t = 3 is {names[7]!r}, was {names[int(frozen.probe.inputs[1, 2])]!r}",)
    assert result.changed.explanation.symbols[2] == names[7] != result.original.explanation.symbols[2]


def test_another_number_is_another_sequence() -> None:
    frozen = made("lstm", task="adding")
    result = change(frozen, inputs=[(2, 0, 0.125), (4, 1, -1)])
    inputs = frozen.probe.inputs.clone()
    inputs[0, 1, 0], inputs[0, 3, 1] = 0.125, -1
    right = frozen.model.trace(TensorBatch(inputs, frozen.probe.targets))
    np.testing.assert_allclose(result.changed.answers, right.answers[0], atol=1e-5)
    assert result.changes[1].startswith("marker at t = 4 is -1, was ")


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_another_weight_is_another_model(direction: Any) -> None:
    frozen = made("gru", 4, 2, True)
    edits = [("weight_ih", 3, 2, 0.5), ("weight_hh", 11, 0, -2.0), ("bias_ih", 0, 0, 1.0), ("bias_hh", 9, 0, 4.0)]
    result = change(frozen, layer=1, direction=direction, weights=edits)
    model = copy.deepcopy(frozen.model)
    cell = model.stack()[1].forwards if direction == "forward" else model.stack()[1].backwards
    cell.weight_ih[3, 2], cell.weight_hh[11, 0], cell.bias_ih[0], cell.bias_hh[9] = 0.5, -2.0, 1.0, 4.0
    right = model.trace(frozen.probe)
    np.testing.assert_allclose(result.changed.answers, right.answers[0, : result.length], atol=1e-5)
    hidden = right.layer(1, direction).states["hidden"][0, : result.length]
    np.testing.assert_allclose(result.changed.states["hidden"], hidden, atol=1e-5)
    assert result.changes[1].startswith("weight_hh[11, 0] is -2, was ") and result.changes[2].startswith("bias_ih[0] ")


def test_a_weight_can_be_asked_for_and_left_alone() -> None:
    frozen = made("gru")
    result = change(frozen, weights=[("weight_hh", 7, 2, None)])
    assert result.changes == (f"weight_hh[7, 2] is {float(frozen.cell().weight_hh[7, 2]):.4g}, as trained",)
    assert not result.distance().any()


def test_the_distance_is_the_length_of_the_difference() -> None:
    result = change(made("lstm"), clamp=[("candidate", 0, -1.0)])
    was, now = result.original.states["hidden"], result.changed.states["hidden"]
    by_hand = [sum((a - b) ** 2 for a, b in zip(*rows, strict=True)) ** 0.5 for rows in zip(was, now, strict=True)]
    np.testing.assert_allclose(result.distance(), by_hand, rtol=1e-5)


def test_what_is_said_at_each_step_of_a_question_per_step() -> None:
    result = change(made("rnn", task="flip_flop"), inputs=[(5, 0, 1.0)])
    assert result.per_step and not result.classes
    assert result.original.answers.shape == (result.length, 3) and result.output_names[0] == "channel 1"
    assert np.array_equal(result.original.answers[:4], result.changed.answers[:4])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"clamp": [("remember", -1, 1)]}, "'remember' is no gate of a LSTM; it has input, forget, candidate, output"),
        ({"clamp": [("forget", -1, 1.5)]}, "forget gate is 1.5, but it lies between 0 and 1"),
        ({"clamp": [("candidate", -1, -1.5)]}, "between -1 and 1"),
        ({"clamp": [("forget", -1, float("nan"))]}, "must be a finite number"),
        ({"clamp": [("forget", -1, "much")]}, "must be a finite number"),
        ({"clamp": [("forget", -2, 1)]}, "unit is -2, but must be a whole number from -1 to 4"),
        ({"clamp": [("forget", 5, 1)]}, "unit is 5"),
        ({"clamp": [("forget", 0, 1, 0, 2)]}, "first time step is 0"),
        ({"clamp": [("forget", 0, 1, 3, 2)]}, "last time step is 2, but must be a whole number from 3 to"),
        ({"clamp": [("forget", 0)]}, r"each entry must be \(gate, unit, value\) or"),
        ({"clamp": "forget"}, "clamp has 'f'"),
        ({"clamp": [7]}, "clamp has 7"),
        ({"ablate": [5]}, "unit is 5"),
        ({"inputs": [(99, 1)]}, "step is 99, but must be a whole number from 1 to"),
        ({"inputs": [(0, 1)]}, "step is 0"),
        ({"inputs": [(1, 99)]}, "symbol is 99"),
        ({"inputs": [(1, 0, 3.0)]}, r"must be \(step, symbol\) here"),
        ({"weights": [("weight", 0, 0, 1)]}, "'weight' is no parameter of a cell; there are weight_ih"),
        ({"weights": [("weight_hh", 20, 0, 1)]}, "row is 20, but must be a whole number from 0 to 19 for weight_hh"),
        ({"weights": [("weight_hh", 0, 5, 1)]}, "column is 5"),
        ({"weights": [("bias_hh", 0, 1, 1)]}, "column is 1, but must be a whole number from 0 to 0 for bias_hh"),
        ({"weights": [("bias_hh", 0, 0, float("inf"))]}, "must be a finite number"),
    ],
)
def test_what_cannot_be_changed_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        change(made("lstm"), **options)


def test_numbers_are_edited_with_a_feature() -> None:
    frozen = made("lstm", task="adding")
    for entry, words in (
        ((1, 5, 0.0), "feature is 5"),
        ((1, 0, None), "finite"),
        ((1, 0), r"\(step, feature, value\)"),
    ):
        with pytest.raises(ValueError, match=words):
            change(frozen, inputs=[entry])


# -- the hook in the cells --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_a_change_reaches_all_that_follows_and_nothing_else(cell: str) -> None:
    mine = made(cell).cell()
    source = torch.Generator().manual_seed(3)
    x = torch.randn(2, mine.input_size, generator=source)
    state = tuple(torch.randn(2, 5, generator=source) for _ in mine.state_names)
    plain, gates = mine.step(x, state)
    seen: list[str] = []

    def spy(name: str, gate: Tensor) -> Tensor:
        seen.append(name)
        torch.testing.assert_close(gate, gates[name], atol=0, rtol=0)
        return gate

    watched, _ = mine.step(x, state, spy)
    assert seen == list(mine.gate_names)
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))
    for name in mine.gate_names:
        changer: Change = lambda which, gate, name=name: torch.full_like(gate, 0.3) if which == name else gate  # noqa: E731
        new, changed = mine.step(x, state, changer)
        assert bool((changed[name] == 0.3).all())
        assert not torch.equal(new[0], plain[0])
    assert unchanged("any", x) is x and before(x[:, None], x).shape == (2, 1, mine.input_size)
