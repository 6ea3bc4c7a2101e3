"""What every registered cell must do."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import linear

from rnn_explorer import kernels, model
from rnn_explorer.cells import CELLS
from rnn_explorer.cells.base import RecurrentCell, State, cell_class, unchanged
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer
from tests.cells.variants import every

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 4), st.integers(1, 6))  # batch, time, in, hidden
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
EXACT = {"atol": 1e-12, "rtol": 1e-12}


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=source(seed), dtype=torch.float64).to(dtype)


def build(
    key: str, options: dict, inputs: int = 3, hidden: int = 4, init: str = "pytorch", seed: int = 0
) -> RecurrentCell:
    cell = cell_class(key)(inputs, hidden, **options)
    cell.initialize(init, source(seed))
    return cell


def random_state(cell: RecurrentCell, batch: int, seed: int, dtype: torch.dtype = torch.float32) -> State:
    return tuple(0.5 * draw(batch, cell.hidden_size, seed=seed + n, dtype=dtype) for n in range(len(cell.state_names)))


def unroll(cell: RecurrentCell, x: Tensor, state: State) -> tuple[Tensor, State, dict[str, Tensor]]:
    """The equations, a step at a time: the reference that everything else is held against."""
    seen: dict[str, list[Tensor]] = {name: [] for name in (*cell.gate_names, *cell.state_names)}
    for t in range(x.shape[1]):
        state, gates = cell.step(x[:, t], state)
        for name, value in (*gates.items(), *zip(cell.state_names, state, strict=True)):
            seen[name].append(value)
    stacked = {name: torch.stack(values, dim=1) for name, values in seen.items()}
    return stacked["hidden"], state, stacked


def torch_twin(cell: RecurrentCell, options: dict) -> nn.RNNBase:
    twin = getattr(nn, cell.torch_twin)(
        cell.input_size, cell.hidden_size, batch_first=True, dtype=cell.weight_ih.dtype, **options
    )
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(twin, f"{name}_l0").copy_(getattr(cell, name))
    return twin


def gradients(outputs: Tensor, last: State, wanted: list[Tensor]) -> tuple[Tensor, ...]:
    """Of a sum in which every output and final state counts differently."""
    total = (outputs * draw(*outputs.shape, seed=99, dtype=outputs.dtype)).sum()
    for number, state in enumerate(last):
        total = total + (state * draw(*state.shape, seed=100 + number, dtype=state.dtype)).sum()
    return torch.autograd.grad(total, wanted)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
@every
@given(sizes=SIZES, seed=st.integers(0, 1000), given_state=st.booleans())
def test_unrolled_fast_path_and_torch_agree(key, options, compiled, sizes, seed, given_state):
    with mock.patch.object(kernels, "ENABLED", compiled):
        all_agree(key, options, sizes, seed, given_state)


def all_agree(key, options, sizes, seed, given_state):
    batch, time, inputs, hidden = sizes
    cell = build(key, options, inputs, hidden, seed=seed)
    x = draw(batch, time, inputs, seed=seed).requires_grad_()
    state = random_state(cell, batch, seed) if given_state else cell.initial_state(x)
    for part in state:
        part.requires_grad_()

    wanted = [x, *state, *cell.weights()]
    outputs, last, _ = unroll(cell, x, state)
    reference = gradients(outputs, last, wanted)
    fast, fast_last = cell(x, state if given_state else None)
    torch.testing.assert_close(fast, outputs, **CLOSE)
    torch.testing.assert_close(fast_last, last, **CLOSE)
    again, again_last = cell(x, state)
    for mine, right in zip(gradients(again, again_last, wanted), reference, strict=True):
        torch.testing.assert_close(mine, right, **CLOSE)

    if not cell.torch_twin:
        return
    twin = torch_twin(cell, options)
    stacked = tuple(part[None] for part in state)
    theirs, theirs_last = twin(x, stacked if len(stacked) > 1 else stacked[0])
    theirs_last = tuple(part[0] for part in (theirs_last if len(stacked) > 1 else (theirs_last,)))
    torch.testing.assert_close(fast, theirs, **CLOSE)
    torch.testing.assert_close(fast_last, theirs_last, **CLOSE)
    theirs_wanted = [x, *state, twin.weight_ih_l0, twin.weight_hh_l0, twin.bias_ih_l0, twin.bias_hh_l0]
    for mine, right in zip(gradients(theirs, theirs_last, theirs_wanted), reference, strict=True):
        torch.testing.assert_close(mine, right, **CLOSE)


@every
@given(sizes=SIZES, seed=st.integers(0, 1000), given_state=st.booleans())
def test_the_trace_is_what_the_equations_give(key, options, sizes, seed, given_state):
    batch, time, inputs, hidden = sizes
    cell = build(key, options, inputs, hidden, seed=seed)
    x = 3 * draw(batch, time, inputs, seed=seed)
    state = random_state(cell, batch, seed) if given_state else cell.initial_state(x)
    _, _, right = unroll(cell, x, state)
    seen = cell.trace(x, state if given_state else None)
    assert tuple(seen) == (*cell.gate_names, *cell.state_names)
    for name, values in seen.items():
        assert values.shape == (batch, time, hidden)
        torch.testing.assert_close(values, right[name], **CLOSE)
    for name in cell.bounded:
        assert seen[name].min() >= 0 and seen[name].max() <= 1
    torch.testing.assert_close(seen["hidden"], cell(x, state)[0], atol=0, rtol=0)


@every
def test_in_double_precision_they_agree_to_rounding(key, options):
    cell = build(key, options).double()
    x = draw(3, 20, 3, dtype=torch.float64)
    outputs, last, stacked = unroll(cell, x, cell.initial_state(x))
    fast, fast_last = cell(x)
    assert fast.dtype == torch.float64
    torch.testing.assert_close(fast, outputs, **EXACT)
    torch.testing.assert_close(fast_last, last, **EXACT)
    for name, values in cell.trace(x).items():
        torch.testing.assert_close(values, stacked[name], **EXACT)


@every
def test_an_empty_sequence_leaves_the_state_alone(key, options):
    cell = build(key, options)
    x = torch.zeros(2, 0, 3)
    outputs, last = cell(x)
    assert outputs.shape == (2, 0, 4)
    assert all(torch.equal(part, torch.zeros(2, 4)) for part in last)
    state = random_state(cell, 2, 5)
    assert all(torch.equal(mine, given) for mine, given in zip(cell(x, state)[1], state, strict=True))
    seen = cell.trace(x)
    assert tuple(seen) == (*cell.gate_names, *cell.state_names)
    assert all(values.shape == (2, 0, 4) for values in seen.values())


@every
def test_one_step_is_the_step(key, options):
    cell = build(key, options)
    x, state = draw(2, 1, 3), random_state(cell, 2, 7)
    new, gates = cell.step(x[:, 0], state)
    outputs, last = cell(x, state)
    torch.testing.assert_close(outputs[:, 0], new[0], **CLOSE)
    torch.testing.assert_close(last, new, **CLOSE)
    assert tuple(gates) == cell.gate_names


@every
def test_a_sequence_can_be_read_in_two_parts(key, options):
    cell, x = build(key, options), draw(2, 9, 3)
    whole, whole_last = cell(x)
    first, state = cell(x[:, :4])
    second, last = cell(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, **CLOSE)
    torch.testing.assert_close(last, whole_last, **CLOSE)


@every
@pytest.mark.parametrize("init", ["keras", "pytorch", "identity"])
def test_gradients_are_finite_and_reach_every_parameter(key, options, init):
    cell = build(key, options, init=init)
    outputs, _ = cell(draw(4, 30, 3))
    outputs.square().mean().backward()
    for name, parameter in cell.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@every
@pytest.mark.parametrize("init", ["keras", "pytorch", "identity"])
def test_initial_weights_follow_from_the_generator_alone(key, options, init):
    torch.manual_seed(1)
    one = build(key, options, init=init, seed=3)
    before = torch.get_rng_state()
    torch.manual_seed(2)
    two = build(key, options, init=init, seed=3)
    torch.manual_seed(1)
    assert torch.equal(before, torch.get_rng_state())
    other = build(key, options, init=init, seed=4)
    for mine, same in zip(one.weights(), two.weights(), strict=True):
        assert torch.equal(mine, same)
    assert not torch.equal(one.weight_ih, other.weight_ih)


@every
def test_what_a_cell_says_of_itself(key, options):
    cell = build(key, options)
    assert cell.key == key and cell.title
    assert cell.state_names[0] == "hidden" and cell.bounded <= set(cell.gate_names)
    assert not set(cell.gate_names) & set(cell.state_names)
    assert set(options) <= set(cell.setting_names)
    assert cell.weight_ih.shape == (len(cell.gate_names) * 4, 3)
    assert [parameter is named for parameter, (_, named) in zip(cell.weights(), cell.named_parameters(), strict=True)]


@every
@pytest.mark.parametrize("inputs, hidden", [(1, 1), (3, 4), (17, 9)])
def test_its_size_follows_from_its_facts(key, options, inputs, hidden):
    cell = build(key, options, inputs, hidden)
    facts = CELLS.get(key)
    assert facts.parameter_count(inputs, hidden) == sum(parameter.numel() for parameter in cell.parameters())
    second = cell.bias_hh.numel() if facts.keras_biases == 1 else 0
    assert facts.keras_parameter_count(inputs, hidden) == facts.parameter_count(inputs, hidden) - second


# -- initializers -----------------------------------------------------------------------------------------------


@every
def test_keras_draws_glorot_inputs_and_orthogonal_recurrence(key, options):
    cell = build(key, options, inputs=50, hidden=40, init="keras")
    rows = len(cell.gate_names) * 40
    bound = (6 / (50 + rows)) ** 0.5
    assert cell.weight_ih.abs().max() <= bound
    assert cell.weight_ih.abs().max() > 0.99 * bound
    assert abs(float(cell.weight_ih.detach().var()) / (bound**2 / 3) - 1) < 0.1  # the variance of a uniform number
    columns = cell.weight_hh.T @ cell.weight_hh  # all gates as one tall matrix with orthonormal columns
    torch.testing.assert_close(columns, torch.eye(40), atol=1e-5, rtol=0)
    if key != "lstm":
        assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()


@every
def test_identity_copies_the_state_in_every_gate(key, options):
    cell = build(key, options, hidden=5, init="identity")
    for block in cell.weight_hh.detach().split(5):
        assert torch.equal(block, torch.eye(5))
    assert cell.weight_ih.abs().max() <= (6 / (3 + len(cell.gate_names) * 5)) ** 0.5


@every
def test_pytorch_draws_all_uniformly(key, options):
    cell = build(key, options, inputs=30, hidden=25, init="pytorch")
    for weight in (cell.weight_ih.detach(), cell.weight_hh.detach()):
        assert 0.99 / 5 < weight.abs().max() <= 1 / 5
        assert abs(float(weight.mean())) < 0.01
    for bias in (cell.bias_ih.detach(), cell.bias_hh.detach()):
        free = cell.split(bias)[:1]  # not the LSTM's forget gate, whose bias is a setting of its own
        assert all(0.1 < part.abs().max() <= 1 / 5 for part in free)


class Leaky(RecurrentCell):
    """Nothing but equations: h_t = 0.9 h_{t-1} + 0.1 tanh(W x_t + U h_{t-1} + b), with no fast path of its own."""

    key, title, gate_names = "leaky", "Leaky", ("pre_activation",)

    def step(self, x, state, change=unchanged):
        a = linear(x, self.weight_ih, self.bias_ih) + linear(state[0], self.weight_hh, self.bias_hh)
        a = change("pre_activation", a)
        return (0.9 * state[0] + 0.1 * torch.tanh(a),), {"pre_activation": a}


def test_a_cell_of_equations_alone_runs_is_traced_and_trains(monkeypatch):
    cell = Leaky(3, 4)
    cell.initialize("keras", source())
    x = draw(2, 5, 3)
    out, last, seen = unroll(cell, x, cell.initial_state(x))
    torch.testing.assert_close(cell(x), (out, last))
    torch.testing.assert_close(cell.trace(x), seen)
    monkeypatch.setattr(model, "cell_class", lambda name: Leaky)
    trainer = Trainer(
        Experiment.from_query("task=adding&cell=gru&seq_len=10&hidden_size=8&learning_rate=0.02&steps=60")
    )
    losses = [report.train_loss for report in trainer.advance(60)]
    assert isinstance(trainer.model.cells()[0], Leaky) and len(losses) == 60
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    assert trainer.snapshot().trace.layer(0).states["hidden"].shape[-1] == 8


@every
def test_the_trace_shows_the_states_that_training_went_through(key, options):
    """Compiled code trains, and what is shown is computed step by step from the same weights: both say the same."""
    cell = build(key, options, inputs=5, hidden=33, seed=4)
    x = draw(7, 40, 5, seed=2)
    out, last = cell(x)
    seen = cell.trace(x)
    for (name, values), state in zip(((n, seen[n]) for n in cell.state_names), last, strict=True):
        torch.testing.assert_close(values[:, -1], state, atol=2e-6, rtol=2e-5, msg=name)
    torch.testing.assert_close(seen["hidden"], out, atol=2e-6, rtol=2e-5)
    stepped = unroll(cell, x, cell.initial_state(x))[2]
    for name in cell.gate_names:
        torch.testing.assert_close(seen[name], stepped[name], atol=5e-6, rtol=5e-5, msg=name)
