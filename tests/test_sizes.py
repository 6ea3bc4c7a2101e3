"""Sizes by closed forms, held against the model as torch builds it, and against Keras' way of counting."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment, ModelSettings
from rnn_explorer.model import SequenceModel
from rnn_explorer.sizes import layer_summary, parameter_count, work_of
from rnn_explorer.tasks.base import InputSpec, OutputSpec
from rnn_explorer.training import Trainer
from rnn_explorer.work import MAX_WORK, ModelTooLarge

NUMBERS = InputSpec("values", 3, ("a", "b", "c"))
SYMBOLS = InputSpec("symbols", 5, tuple("abcde"))


def asked(kind: str, size: int = 4) -> OutputSpec:
    return OutputSpec(kind, size, tuple(f"y{n}" for n in range(size)))  # type: ignore[arg-type]


def test_the_reference_program_counts_as_it_should():
    # rnn: 128 * (8 + 128) + 128 (one bias vector) = 17,536, or 17,664 with two; dense 128 * 64 + 64 = 8,256;
    # 64 * 32 + 32 = 2,080; softmax 32 * 10 + 10 = 330. In all 28,202 as Keras counts, 28,330 as torch does.
    experiment = Experiment.default("digits")
    task = experiment.make_task()
    rows = layer_summary(experiment.model, task.input, task.output, 8)
    assert [(row.layer, row.output_shape, row.parameters, row.keras_parameters) for row in rows] == [
        ("input", "(batch, 8, 8)", 0, 0),
        ("rnn (relu)", "(batch, 128)", 17_664, 17_536),
        ("dense (relu)", "(batch, 64)", 8_256, 8_256),
        ("dense (relu)", "(batch, 32)", 2_080, 2_080),
        ("softmax", "(batch, 10)", 330, 330),
    ]
    assert parameter_count(experiment, task) == 28_330
    assert sum(row.keras_parameters for row in rows) == 28_202


@pytest.mark.parametrize("cell, gates, keras_biases", [("rnn", 1, 1), ("lstm", 4, 1), ("gru", 3, 2)])
def test_how_keras_counts_each_cell(cell, gates, keras_biases):
    rows = layer_summary(ModelSettings(cell=cell, hidden_size=5), NUMBERS, asked("values", 2), 9)
    assert rows[1].parameters == gates * 5 * (3 + 5 + 2)
    assert rows[1].keras_parameters == gates * 5 * (3 + 5 + keras_biases)
    assert rows[2].parameters == rows[2].keras_parameters == 5 * 2 + 2


@given(
    cell=st.sampled_from(CELLS.names()),
    layers=st.integers(1, 4),
    bidirectional=st.booleans(),
    dense=st.lists(st.integers(1, 6), max_size=4).map(tuple),
    embedding=st.sampled_from([0, 3]),
    kind=st.sampled_from(("classes", "classes_per_step", "values", "values_per_step")),
    letters=st.booleans(),
)
def test_the_summary_is_that_of_the_built_model(cell, layers, bidirectional, dense, embedding, kind, letters):
    chosen = ModelSettings(
        cell=cell, num_layers=layers, bidirectional=bidirectional, dense=dense, embedding=embedding, hidden_size=4
    )
    given_, output = (SYMBOLS if letters else NUMBERS), asked(kind)
    model = SequenceModel(chosen, given_, output, torch.Generator())
    rows = layer_summary(chosen, given_, output, 9)
    built = [model.embedding] if model.embedding is not None else []
    built += [*model.stack(), *model.linears()]
    counted = [sum(parameter.numel() for parameter in part.parameters()) for part in built]
    assert [row.parameters for row in rows[1:]] == counted
    second = sum(part.bias_hh.numel() for part in model.cells() if part.keras_biases == 1)
    assert sum(row.keras_parameters for row in rows) == sum(counted) - second
    inputs = torch.zeros(2, 9, dtype=torch.long) if letters else torch.zeros(2, 9, 3)
    assert rows[-1].output_shape == "(" + ", ".join(["batch", *map(str, model(inputs).shape[1:])]) + ")"


def test_a_model_that_is_too_large_is_refused_before_it_is_built(monkeypatch):
    experiment = Experiment.from_query(
        "hidden_size=256&num_layers=4&bidirectional=true&dense=1024,1024,1024,1024&batch_size=512&pixels=true&cell=lstm"
    )

    def built(*_: object) -> None:
        raise AssertionError("weights were drawn")

    monkeypatch.setattr(SequenceModel, "_initialize", built)
    with pytest.raises(ModelTooLarge, match=r"to train live: [0-9,]+ parameters x 512 sequences x 64 time steps"):
        Trainer(experiment)


def test_the_limit_is_on_parameters_times_batch_times_length():
    experiment = Experiment.default("digits")
    assert work_of(experiment, experiment.make_task()).step == 28_330 * 32 * 8 < MAX_WORK
