"""The layer unrolled over its sequence: every column holds what its time step has, by an independent count."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.lab.unrolled import unrolled
from rnn_explorer.figures.style import SIGNED_SCALE
from rnn_explorer.trace import LayerTrace, Snapshot
from rnn_explorer.training import Trainer


def recorded(query: str, sequence: int = 1) -> tuple[Snapshot, LayerTrace, int, Figure]:
    trainer = Trainer(Experiment.from_query(query))
    trainer.advance(1e9, 5)
    snapshot = trainer.snapshot()
    trace, layer = snapshot.trace, snapshot.trace.layers[-1]
    length = int(trace.lengths[sequence])
    drawn = unrolled(layer, sequence, length, trace.inputs[sequence], snapshot.explanations[sequence])
    return snapshot, layer, length, drawn


def trace_at(figure: Figure, axis: str) -> dict[str, Any]:
    return next(trace for trace in figure.data if trace["yaxis"] == axis)


def columns(trace: dict[str, Any]) -> dict[int, np.ndarray]:
    """What a map draws between half a step before and after each time step, without its gaps."""
    x = trace["x0"] + trace["dx"] * np.arange(trace["z"].shape[1])
    found: dict[int, np.ndarray] = {}
    for step in range(1, int(np.rint(x[-1])) + 1):
        cells = trace["z"][:, np.abs(x - step) < 0.5]
        found[step] = cells[:, np.isfinite(cells).all(axis=0)]
    return found


def test_the_rows_of_a_digit_enter_and_the_states_follow() -> None:
    snapshot, layer, length, figure = recorded("hidden_size=48&pace=fast")
    states = columns(trace_at(figure, "y"))
    entering = columns(trace_at(figure, "y2"))
    assert list(states) == list(entering) == list(range(1, 9)) and length == 8
    for step in states:
        np.testing.assert_array_equal(states[step][:, 0], layer.states["hidden"][1, step - 1])
        np.testing.assert_allclose(entering[step][0], snapshot.trace.inputs[1, step - 1], atol=1e-6)
    assert figure.title == "RNN layer 1, unrolled over 8 time steps"
    assert "hₜ = relu(Wₕₕ hₜ₋₁ + Wₓₕ xₜ + b)" in figure.how_to_read


def test_the_equation_in_words_is_what_the_states_obey() -> None:
    """h_t = tanh(W_hh h_(t-1) + W_xh x_t + b), with h_0 = 0, from the weights alone."""
    trainer = Trainer(Experiment.from_query("nonlinearity=tanh&hidden_size=8&dense=none"))
    snapshot = trainer.snapshot()
    weights = {name: value.numpy() for name, value in trainer.model.layers[0].forwards.state_dict().items()}
    bias = weights["bias_ih"] + weights["bias_hh"]
    layer = snapshot.trace.layers[0]
    drawn = columns(trace_at(unrolled(layer, 0, 8, snapshot.trace.inputs[0], snapshot.explanations[0]), "y"))
    state = np.zeros(8)
    for step in range(1, 9):
        state = np.tanh(weights["weight_hh"] @ state + weights["weight_ih"] @ snapshot.trace.inputs[0, step - 1] + bias)
        np.testing.assert_allclose(drawn[step][:, 0], state, atol=1e-5)


@pytest.mark.parametrize("query", ["task=names&cell=rnn&hidden_size=8", "task=digits&hidden_size=8"])
def test_the_answers_are_the_likeliest_classes(query: str) -> None:
    snapshot, _, length, figure = recorded(query)
    shares, names = snapshot.trace.answers[1, :length], snapshot.explanations[1].class_names
    said = trace_at(figure, "y3")["text"]
    target = names[int(snapshot.trace.targets[1])]
    for step, text in enumerate(said):
        name, share = text.split("<br>")
        mark = "" if step < length - 1 else "✓ " if shares[step].argmax() == snapshot.trace.targets[1] else "✗ "
        assert name == mark + names[shares[step].argmax()] and share == f"{100 * shares[step].max():.0f} %"
    assert trace_at(figure, "y4")["text"] == [""] * (length - 1) + [target], "it is asked for at the end"
    if "names" in query:
        assert trace_at(figure, "y2")["text"] == list(snapshot.explanations[1].symbols)


def test_numbers_are_written_and_several_are_cells_beside_their_targets() -> None:
    snapshot, _, length, figure = recorded("task=adding&cell=rnn&seq_len=12&hidden_size=4")
    said = trace_at(figure, "y3")["text"]
    assert [text for text in said if text] == [
        f"{value:.2f}" for value, text in zip(snapshot.trace.answers[1, :length, 0], said, strict=True) if text
    ]
    assert trace_at(figure, "y4")["text"][-1] == f"{snapshot.trace.targets[1, 0]:.2f}"
    snapshot, _, length, figure = recorded("task=flip_flop&cell=rnn&hidden_size=4&seq_len=20")
    for step, cells in columns(trace_at(figure, "y3")).items():
        np.testing.assert_allclose(cells[:, 0], snapshot.trace.answers[1, step - 1], atol=1e-6)
        np.testing.assert_allclose(cells[:, 1], snapshot.trace.targets[1, step - 1], atol=1e-6)
    for step, cells in columns(trace_at(figure, "y2")).items():
        np.testing.assert_allclose(cells[:, 0], snapshot.trace.inputs[1, step - 1], atol=1e-6)


def test_where_it_is_asked_at_every_step_each_answer_is_judged() -> None:
    snapshot, _, _, figure = recorded("task=reber&cell=rnn&hidden_size=4")
    told = snapshot.explanations[1]
    assert told.target_classes is not None and told.probabilities is not None
    for step, more in enumerate(trace_at(figure, "y3")["customdata"]):
        target = int(told.target_classes[step])
        assert ("right" in more) == (target >= 0)
        if target >= 0:
            assert more.endswith(f"(right: {told.class_names[target]})")


def test_a_long_sequence_keeps_its_columns_and_thins_its_words() -> None:
    _, _, length, figure = recorded("pixels=true&hidden_size=8")
    said = trace_at(figure, "y3")
    assert length == 64 and len(columns(trace_at(figure, "y"))) == 64
    shown = [step for step, text in enumerate(said["text"]) if text]
    assert shown[-1] == 63 and 10 <= len(shown) <= 32 and len(set(np.diff(shown))) == 1
    assert all(said["customdata"]), "each can be pointed at"


def test_the_arrows_go_the_way_of_the_direction_and_the_title_names_the_layer() -> None:
    layer = dataclasses.replace(samples.layer("rnn", 6, 5), layer=1, direction="backward")
    figure = unrolled(layer, 0, 5, np.ones((5, 2)), samples.series(5, 1))
    assert figure.title.startswith("RNN layer 2, backward, unrolled") and "hₜ₊₁" in figure.how_to_read
    assert "hidden state of layer 1" in figure.how_to_read
    for drawn, sign in ((unrolled(samples.layer("rnn", 6, 5), 0, 5, None, samples.word(5, 5)), 1), (figure, -1)):
        moves = re.findall(r"M([-\d.e]+),0\.45L([-\d.e]+),0\.45(?!\d)", drawn.layout["shapes"][0]["path"])
        assert len(moves) == 5 and all((float(tip) - float(start)) * sign > 0 for start, tip in moves)


def test_while_it_learns_only_values_and_words_change() -> None:
    """What else changed would have to be drawn anew, at many times the cost."""
    trainer = Trainer(Experiment.from_query("hidden_size=16&nonlinearity=tanh"))
    figures = []
    for _ in range(2):
        snapshot = trainer.snapshot()
        figures.append(unrolled(snapshot.trace.layers[0], 0, 8, snapshot.trace.inputs[0], snapshot.explanations[0]))
        trainer.advance(1e9, 20)
    before, after = figures
    assert before.layout is after.layout and before.title == after.title and len(before.data) == len(after.data)
    for one, other in zip(before.data, after.data, strict=True):
        changed = {
            name for name in one if not np.array_equal(np.asarray(one[name], object), np.asarray(other[name], object))
        }
        assert changed <= {"z", "text", "customdata"} and one["colorscale" if "z" in one else "mode"]
    assert after.data[0]["colorscale"] == SIGNED_SCALE
