"""A sequence of somebody's own, against the model asked directly."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from rnn_explorer.analysis import registry
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.own_sequence.record import OwnSequence, legal_share
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.slices import run_to_end
from tests.analysis.test_generate import made


def read(frozen: FrozenModel, values: Any) -> OwnSequence:
    registry.load()
    return run_to_end(ANALYSES.get("own_sequence")(frozen, values=values))


def told_by(frozen: FrozenModel, inputs: torch.Tensor) -> torch.Tensor:
    """What the model says after the last of (time, ...) inputs: probabilities or values."""
    outputs = frozen.model(inputs[None], torch.tensor([len(inputs)]))[0]
    outputs = outputs[-1] if frozen.model.output_spec.per_step else outputs
    return outputs.softmax(dim=-1) if frozen.model.output_spec.classes else outputs


@pytest.mark.parametrize("more", ["", "&num_layers=2", "&bidirectional=true", "&embedding=0&dense=5"])
def test_a_name_is_answered_as_the_model_answers_it_whatever_its_beginning(more: str) -> None:
    frozen = made(f"task=names&cell=lstm&hidden_size=6{more}")
    names = frozen.task.input.names
    found = read(frozen, "nakamura")
    codes = torch.tensor([names.index(letter) for letter in "nakamura"])
    for end in (1, 4, 8):
        expected = told_by(frozen, codes[:end]).numpy()
        np.testing.assert_allclose(found.trace.answers[0, end - 1], expected, atol=1e-6)
    told = found.explanation
    assert (told.kind, told.title, told.length, told.correct) == ("symbols", "nakamura", 8, None)
    assert told.symbols == tuple("nakamura") and told.target_class is None and told.target_classes is None
    best = int(found.trace.answers[0, -1].argmax())
    assert told.verdict.startswith(f"says {frozen.task.output.names[best]} (")
    assert found.legal is None and found.notes == ()


def test_states_and_gates_are_those_of_a_probe_sequence_that_is_typed_again() -> None:
    frozen = made("task=names&cell=gru&hidden_size=6&num_layers=2&bidirectional=true")
    trace = frozen.model.trace(frozen.probe)
    length = int(trace.lengths[3])
    found = read(frozen, "".join(frozen.task.input.names[code] for code in trace.inputs[3, :length]))
    for mine, theirs in zip(found.trace.layers, trace.layers, strict=True):
        assert (mine.layer, mine.direction) == (theirs.layer, theirs.direction)
        for name, values in {**mine.states, **mine.gates}.items():
            expected = {**theirs.states, **theirs.gates}[name][3, :length]
            np.testing.assert_allclose(values[0], expected, atol=1e-6)


def test_letters_of_the_other_case_are_taken_and_that_is_said() -> None:
    frozen = made("task=names&cell=rnn&hidden_size=4")
    found = read(frozen, "Li")
    assert found.explanation.symbols == ("l", "i") and "other case" in found.notes[0]


@pytest.mark.parametrize("series", ["sunspots", "seattle", "mackey_glass"])
def test_a_series_is_read_and_answered_in_its_own_unit(series: str) -> None:
    frozen = made(f"task=forecast&cell=gru&hidden_size=5&series={series}")
    task: Any = frozen.task
    numbers = [float(value) for value in task.series.values[10:24]]
    found = read(frozen, numbers)
    normalized = torch.tensor([[(value - task.mean) / task.scale] for value in numbers], dtype=torch.float32)
    np.testing.assert_allclose(found.trace.inputs[0], normalized.numpy(), rtol=1e-6)
    given, came, said = found.explanation.strips
    np.testing.assert_allclose(given.values, numbers, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(came.values, [*numbers[1:], np.nan], rtol=1e-5, atol=1e-5)
    last = float(told_by(frozen, normalized)[0]) * task.scale + task.mean
    assert said.values[-1] == pytest.approx(last, rel=1e-5)
    assert found.explanation.verdict == f"says next value {last:.3g}"
    assert given.name == task.series.unit and [strip.role for strip in found.explanation.strips][1:] == [
        "target",
        "answer",
    ]


def test_each_coefficient_of_a_vowel_has_a_normalization_of_its_own() -> None:
    frozen = made("task=vowels&cell=gru&hidden_size=5")
    task: Any = frozen.task
    raw = np.arange(36.0).reshape(3, 12) / 10
    found = read(frozen, raw.tolist())
    np.testing.assert_allclose(found.trace.inputs[0], (raw - task.mean) / task.scale, rtol=1e-4, atol=1e-5)
    assert found.explanation.kind == "image" and found.explanation.image.shape == (3, 12)
    assert found.explanation.image_steps[2, 7] == 2


@pytest.mark.parametrize("more, step", [("", 3), ("&pixels=true", 29)])
def test_a_digit_is_drawn_by_rows_or_by_pixels(more: str, step: int) -> None:
    frozen = made(f"task=digits&cell=rnn&hidden_size=5{more}")
    image = np.zeros((8, 8))
    image[3, 5] = 1.0
    found = read(frozen, image.reshape(-1, 1 if more else 8).tolist())
    np.testing.assert_array_equal(found.explanation.image, image)
    assert found.explanation.image_steps[3, 5] == step and found.explanation.length == (64 if more else 8)
    assert "says" in found.explanation.verdict and found.explanation.class_names == frozen.task.output.names


def test_answers_in_numbers_stand_beside_the_inputs_that_they_belong_to() -> None:
    found = read(made("task=flip_flop&cell=rnn&hidden_size=5"), [[1, 0, 0], [0, -1, 0]])
    assert [(strip.name, strip.role, strip.group) for strip in found.explanation.strips[::3]] == [
        ("pulse 1", "input", "pulse 1"),
        ("channel 1", "answer", "pulse 1"),
    ]
    found = read(made("task=adding&cell=rnn&hidden_size=5"), [[0.5, 1], [0.25, 1]])
    (*_, said) = found.explanation.strips
    assert (said.name, said.group, said.role) == ("sum", "sum", "answer")
    np.testing.assert_allclose(said.values, found.trace.answers[0, :, 0], rtol=1e-6)


def test_a_grammar_says_what_is_legal_after_each_symbol() -> None:
    frozen = made("task=anbn&cell=lstm&hidden_size=4")
    found = read(frozen, "|aabb")
    assert found.legal is not None
    wanted = [{"a"}, {"a", "b"}, {"a", "b"}, {"b"}, {"|"}]
    names = frozen.task.output.names
    assert [{names[n] for n in np.flatnonzero(row)} for row in found.legal] == wanted
    p = found.trace.answers[0]
    share = [p[0, 1], p[1, 1] + p[1, 2], p[2, 1] + p[2, 2], p[3, 2], p[4, 0]]
    np.testing.assert_allclose(found.legal_share(), share, rtol=1e-6)
    assert list(found.explanation.target_classes) == [1, 1, 2, 2, -1]
    broken = read(frozen, "|ba")
    assert not broken.legal[1:].any() and np.isnan(broken.legal_share()[1:]).all()
    with pytest.raises(ValueError, match="no grammar"):
        read(made("task=names&cell=rnn&hidden_size=4"), "abc").legal_share()


def test_the_share_on_legal_symbols_by_hand() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [1, 0, 0]])
    legal = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
    np.testing.assert_allclose(legal_share(p, legal), [0.7, 0.1, np.nan])


def test_of_many_characters_the_likeliest_and_those_that_come_are_shown() -> None:
    frozen = made("task=char_lm&cell=gru&hidden_size=6&embedding=4")
    text = "the quick brown fox jumps over the lazy dog, zero"
    found = read(frozen, text)
    told = found.explanation
    assert len(told.class_names) == 24 and told.probabilities.shape == (len(text), 24)
    following = [told.class_names[place] if place >= 0 else None for place in told.target_classes]
    right = sum(one == other for one, other in zip(following, text[1:], strict=False))
    assert right >= 20 and following[-1] is None
    assert all(one in (None, other) for one, other in zip(following[:-1], text[1:], strict=True))
    names, p = frozen.task.output.names, found.trace.answers[0]
    np.testing.assert_array_equal(told.probabilities[:, 5], p[:, names.index(told.class_names[5])])


@pytest.mark.parametrize(
    "task, values, said",
    [
        ("names", "", "the sequence is empty"),
        ("names", ["a"], "must be a text"),
        ("names", "ab7", "'7', symbol 3, is not known to this task; it knows"),
        ("names", "a" * 201, "201 time steps, and the limit is 200"),
        ("adding", "0.5", "must be a list"),
        ("adding", [], "the sequence is empty"),
        ("adding", [[0.5, 1], [0.5]], "time step 2 has 1 number, but this task reads 2 at each time step"),
        ("adding", [[0.5, "x"]], "marker at time step 1 is 'x', but must be a finite number"),
        ("adding", [[0.5, None]], "marker at time step 1 is missing"),
        ("adding", [[0.5, True]], "must be a finite number"),
        ("adding", [[float("nan"), 1]], "number at time step 1 is nan"),
        ("adding", [[float("inf"), 1]], "must be a finite number"),
        ("adding", [[10**400, 1]], "must be a finite number"),
        ("adding", [[1e300, 1]], "number at time step 1 is beyond what the model can read"),
        ("adding", [[0, 1]] * 201, "the limit is 200; make it shorter"),
        ("digits", [[0] * 8] * 7, "7 time steps, but a picture of this task has 8"),
        ("digits", [[0] * 7] * 8, "has 7 numbers, but this task reads 8"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(task: str, values: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        read(made(f"task={task}&cell=rnn&hidden_size=4"), values)
    assert said in str(error.value)


def test_it_travels_and_can_be_printed() -> None:
    found = read(made("task=anbn&cell=lstm&hidden_size=4"), "|aabbb")
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict()
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["legal_share"][-1] is None and len(told["layers"][0]["forget"]) == 6


def test_an_exploded_model_says_so() -> None:
    frozen = made("task=adding&cell=rnn&nonlinearity=relu&hidden_size=3", 1e30)
    found = read(frozen, [[0.5, 1.0]] * 9)
    assert found.explanation.verdict == "has no finite answer"
    json.dumps(found.to_dict(), allow_nan=False)
