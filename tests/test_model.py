from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment, ModelSettings
from rnn_explorer.model import SequenceModel, along_time, reversal
from rnn_explorer.tasks.base import InputSpec, OutputSpec
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
KINDS = ("classes", "classes_per_step", "values", "values_per_step")
CELL_OPTIONS: list[dict[str, Any]] = [
    {"cell": "rnn", "nonlinearity": "tanh"}, {"cell": "rnn", "nonlinearity": "relu"}, {"cell": "lstm"}, {"cell": "gru"},
]  # fmt: skip


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbers(size: int = 3) -> InputSpec:
    return InputSpec("values", size, tuple(f"x{n}" for n in range(size)))


def symbols(size: int = 5) -> InputSpec:
    return InputSpec("symbols", size, tuple("abcdefgh"[:size]))


def asked(kind: str, size: int = 4) -> OutputSpec:
    return OutputSpec(kind, size, tuple(f"y{n}" for n in range(size)))  # type: ignore[arg-type]


def build(
    input_spec: InputSpec | None = None, output_spec: OutputSpec | None = None, seed: int = 0, **options: Any
) -> SequenceModel:
    chosen = ModelSettings(**{"hidden_size": 4, "init": "pytorch", **options})
    return SequenceModel(chosen, input_spec or numbers(), output_spec or asked("values"), source(seed))


def batch_of(
    model: SequenceModel, lengths: list[int] | None = None, count: int = 4, time: int = 7, seed: int = 0
) -> TensorBatch:
    if lengths is not None:
        count, time = len(lengths), max(lengths)
    if model.input_spec.kind == "symbols":
        inputs = torch.randint(0, model.input_spec.size, (count, time), generator=source(seed))
    else:
        inputs = torch.randn(count, time, model.input_spec.size, generator=source(seed))
    shape = (count, time) if model.output_spec.per_step else (count,)
    if model.output_spec.classes:
        targets = torch.randint(0, model.output_spec.size, shape, generator=source(seed + 1))
    else:
        targets = torch.randn(*shape, model.output_spec.size, generator=source(seed + 1))
    return TensorBatch(inputs, targets, None if lengths is None else torch.tensor(lengths))


def torch_twin(model: SequenceModel) -> nn.RNNBase:
    """torch's own stack with the same weights."""
    chosen = model.settings
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[chosen.cell]
    options = {"nonlinearity": chosen.nonlinearity} if chosen.cell == "rnn" else {}
    twin = kind(
        model.cells()[0].input_size, chosen.hidden_size, chosen.num_layers, batch_first=True,
        bidirectional=chosen.bidirectional, **options,
    )  # fmt: skip
    with torch.no_grad():
        for mine, theirs in zip(recurrent(model), twin.parameters(), strict=True):
            theirs.copy_(mine)
    return twin


def recurrent(model: SequenceModel) -> list[nn.Parameter]:
    return [parameter for cell in model.cells() for parameter in cell.parameters()]


def twin_states(twin: nn.RNNBase, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """(batch, time, features) of all steps, and (batch, features) of the top layer's final states."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states, last = twin(packed)
    last = last[0] if isinstance(last, tuple) else last
    directions = 2 if twin.bidirectional else 1
    final = torch.cat(list(last[-directions:]), dim=-1)
    return pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])[0], final


# -- against torch ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", CELL_OPTIONS, ids=["rnn_tanh", "rnn_relu", "lstm", "gru"])
@given(
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    seed=st.integers(0, 1000),
)
def test_states_answers_and_gradients_are_torchs(options, layers, bidirectional, lengths, sizes, seed):
    inputs, hidden = sizes
    shape = dict(num_layers=layers, bidirectional=bidirectional, hidden_size=hidden, seed=seed, **options)
    at_end = build(numbers(inputs), asked("values"), **shape)
    batch = batch_of(at_end, lengths, seed=seed)
    x, ends = batch.inputs.requires_grad_(), batch.lengths
    assert ends is not None
    real = torch.arange(x.shape[1])[None, :] < ends[:, None]
    twin = torch_twin(at_end)
    states, final = twin_states(twin, x, ends)

    # The answer at the end, and what a gradient of it does to every weight and to the inputs.
    mine, theirs = at_end(x, ends), at_end.head(final)
    torch.testing.assert_close(mine, theirs, **CLOSE)
    weighting = torch.randn(mine.shape, generator=source(seed + 2))
    my_gradients = torch.autograd.grad((mine * weighting).sum(), [x, *recurrent(at_end)])
    their_gradients = torch.autograd.grad((theirs * weighting).sum(), [x, *twin.parameters()], retain_graph=True)
    for one, other in zip(my_gradients, their_gradients, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)

    # The answers at every real step, and their gradient.
    per_step = build(numbers(inputs), asked("values_per_step"), **shape)
    per_step.load_state_dict(at_end.state_dict())
    mine, theirs = per_step(x, ends)[real], per_step.head(states)[real]
    torch.testing.assert_close(mine, theirs, **CLOSE)
    weighting = torch.randn(mine.shape, generator=source(seed + 3))
    my_gradients = torch.autograd.grad((mine * weighting).sum(), [x, *recurrent(per_step)])
    their_gradients = torch.autograd.grad((theirs * weighting).sum(), [x, *twin.parameters()])
    for one, other in zip(my_gradients, their_gradients, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)

    # What is shown: the top layer's states at every real step, held after the end.
    plain = TensorBatch(x.detach(), batch.targets, ends)
    trace = at_end.trace(plain)
    directions = ("forward", "backward") if bidirectional else ("forward",)
    assert [(entry.layer, entry.direction) for entry in trace.layers] == [
        (number, direction) for number in range(layers) for direction in directions
    ]
    shown = np.concatenate([trace.layer(layers - 1, direction).states["hidden"] for direction in directions], axis=-1)
    np.testing.assert_allclose(shown[real.numpy()], states[real].detach().numpy(), atol=1e-5, rtol=1e-5)
    for row, length in enumerate(lengths):
        for entry in trace.layers:
            for values in (*entry.gates.values(), *entry.states.values()):
                assert (values[row, length:] == values[row, length - 1]).all()
        assert (trace.answers[row, length:] == trace.answers[row, length - 1]).all()


def test_full_sequences_need_no_lengths():
    for bidirectional in (False, True):
        model = build(bidirectional=bidirectional, num_layers=2, cell="gru")
        batch = batch_of(model)
        full = torch.full((4,), 7)
        torch.testing.assert_close(model(batch.inputs), model(batch.inputs, full), atol=0, rtol=0)
        with_lengths = model.trace(TensorBatch(batch.inputs, batch.targets, full))
        np.testing.assert_array_equal(model.trace(batch).answers, with_lengths.answers)


# -- padding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("kind", KINDS)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    bidirectional=st.booleans(),
    layers=st.integers(1, 2),
    letters=st.booleans(),
)
def test_what_is_in_the_padding_never_matters(cell, kind, lengths, bidirectional, layers, letters):
    spec = symbols() if letters else numbers()
    model = build(spec, asked(kind), cell=cell, bidirectional=bidirectional, num_layers=layers, embedding=2)
    batch = batch_of(model, lengths)
    padding = torch.arange(max(lengths))[None, :] >= torch.tensor(lengths)[:, None]
    garbage = batch.inputs.clone()
    garbage[padding] = model.input_spec.size - 1 if letters else 1e6
    real = ~padding if model.output_spec.per_step else slice(None)
    assert torch.equal(model(batch.inputs, batch.lengths)[real], model(garbage, batch.lengths)[real])
    clean = model.trace(batch)
    dirty = model.trace(TensorBatch(garbage, batch.targets, batch.lengths))
    np.testing.assert_array_equal(clean.answers, dirty.answers)
    for one, other in zip(clean.layers, dirty.layers, strict=True):
        for name in (*one.gates, *one.states):
            np.testing.assert_array_equal(
                one.gates.get(name, one.states.get(name)), other.gates.get(name, other.states.get(name))
            )


# -- the trace --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_answer_of_the_trace_is_the_models(cell, kind, bidirectional):
    model = build(symbols(), asked(kind), cell=cell, bidirectional=bidirectional, num_layers=2, dense=(6, 5))
    batch = batch_of(model, [3, 7, 1, 5])
    trace = model.trace(batch)
    outputs = model(batch.inputs, batch.lengths).detach()
    answers = outputs.softmax(dim=-1) if model.output_spec.classes else outputs
    assert trace.answers.shape == (4, 7, 4)
    for row, length in enumerate([3, 7, 1, 5]):
        if model.output_spec.per_step:
            right = answers[row, :length].numpy()
            np.testing.assert_allclose(trace.answers[row, :length], right, atol=1e-6)
        else:
            np.testing.assert_allclose(trace.answers[row, length - 1], answers[row].numpy(), atol=1e-6)
    if model.output_spec.classes:
        np.testing.assert_allclose(trace.answers.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, [3, 7, 1, 5]])
def test_an_answer_on_the_way_is_the_answer_to_the_prefix(bidirectional, lengths):
    model = build(output_spec=asked("classes"), cell="lstm", bidirectional=bidirectional, num_layers=2)
    batch = batch_of(model, lengths)
    trace = model.trace(batch)
    for row, length in enumerate(lengths or [7] * 4):
        for end in range(1, length + 1):
            alone = model(batch.inputs[row : row + 1, :end]).softmax(dim=-1).detach().numpy()
            np.testing.assert_allclose(trace.answers[row, end - 1], alone[0], atol=1e-6)


def test_a_trace_names_everything_and_belongs_to_nobody_else():
    model = build(cell="lstm", num_layers=2)
    batch = batch_of(model, [2, 5])
    trace = model.trace(batch)
    assert trace.lengths.tolist() == [2, 5]
    entry = trace.layer(1)
    assert tuple(entry.gates) == ("input", "forget", "candidate", "output")
    assert tuple(entry.states) == ("hidden", "cell")
    assert entry.bounded == {"input", "forget", "output"} and entry.hidden_size == 4
    for name in entry.bounded:
        assert entry.gates[name].min() >= 0 and entry.gates[name].max() <= 1
    assert all(values.shape == (2, 5, 4) for values in (*entry.gates.values(), *entry.states.values()))
    kept = trace.inputs.copy()
    batch.inputs.fill_(7.0)
    np.testing.assert_array_equal(trace.inputs, kept)
    before = {name: values.copy() for name, values in entry.gates.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert all((entry.gates[name] == before[name]).all() for name in before)


# -- its parts --------------------------------------------------------------------------------------------------


def test_reversal_undoes_itself_and_leaves_the_padding():
    lengths = torch.tensor([1, 3, 4])
    index = reversal(3, 4, lengths)
    assert index.tolist() == [[0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]]
    x = torch.arange(12.0).view(3, 4, 1)
    assert torch.equal(along_time(along_time(x, index), index), x)
    assert reversal(1, 3, None).tolist() == [[2, 1, 0]]


def test_symbols_enter_one_hot_or_embedded():
    one_hot = build(symbols(5))
    assert torch.equal(one_hot.encode(torch.tensor([[2, 0]])), torch.eye(5)[[2, 0]][None])
    assert one_hot.cells()[0].input_size == 5
    assert "one_hot" not in one_hot.state_dict()
    embedded = build(symbols(5), embedding=3)
    assert embedded.embedding is not None and embedded.cells()[0].input_size == 3
    assert torch.equal(embedded.encode(torch.tensor([[4]]))[0, 0], embedded.embedding.weight[4])
    assert build(numbers(), embedding=3).embedding is None


@pytest.mark.parametrize("name, function", [("relu", torch.relu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid)])
def test_dense_layers_and_head(name, function):
    model = build(dense=(5, 3), dense_activation=name)
    first, second, head = model.linears()
    x = torch.randn(2, 4, generator=source())
    assert (first.in_features, first.out_features, second.out_features, head.out_features) == (4, 5, 3, 4)
    torch.testing.assert_close(model.read_out(x), head(function(second(function(first(x))))))


@pytest.mark.parametrize("init", ["keras", "pytorch", "identity"])
def test_initial_weights_of_the_rest(init):
    model = build(symbols(8), dense=(40,), hidden_size=64, embedding=16, init=init)
    assert model.embedding is not None
    table = model.embedding.weight.detach()
    for linear in model.linears():
        bound = (
            linear.in_features**-0.5 if init == "pytorch" else (6 / (linear.in_features + linear.out_features)) ** 0.5
        )
        weight = linear.weight.detach()
        assert 0.95 * bound < weight.abs().max() <= bound
        assert bool(linear.bias.any()) == (init == "pytorch")
    if init == "pytorch":
        assert 0.8 < table.std() < 1.2
    else:
        assert table.abs().max() <= 0.05 and table.abs().max() > 0.045


def test_dropout_is_between_layers_and_draws_from_its_own_generator():
    model = build(num_layers=2, dropout=0.5, hidden_size=16)
    single = build(num_layers=1, dropout=0.5, hidden_size=16)
    x = batch_of(model).inputs
    assert torch.equal(model(x), model(x))  # without a generator there is none
    assert torch.equal(model(x, None, source(1)), model(x, None, source(1)))
    assert not torch.equal(model(x, None, source(1)), model(x, None, source(2)))
    assert not torch.equal(model(x, None, source(1)), model(x))
    assert torch.equal(single(x, None, source(1)), single(x))


def test_dropout_keeps_the_mean():
    model = build(num_layers=2, dropout=0.3)
    dropped = model._drop(torch.ones(100_000, 1, 1), source())
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("query", ["num_layers=2&dropout=0.3", "task=names&embedding=4&train_size=64", "task=adding"])
def test_the_global_generators_are_left_alone(query):
    torch.manual_seed(5)
    np.random.seed(5)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()
    trainer = Trainer(Experiment.from_query(query))
    trainer.opening()
    for _ in range(3):
        trainer.step()
    trainer.snapshot()
    trainer.evaluate("test")
    trainer.restore(trainer.state())
    trainer.reset()
    assert torch.equal(before, torch.get_rng_state())
    assert (state == np.random.get_state()[1]).all()


def test_weights_follow_from_the_generator():
    one, same, other = build(seed=1, dense=(3,)), build(seed=1, dense=(3,)), build(seed=2, dense=(3,))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
