"""The compiled loops against torch's own modules, by finite differences, and against themselves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from rnn_explorer import kernels
from rnn_explorer.kernels import parallel

CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
EXACT = {"rtol": 1e-11, "atol": 1e-12}
every = pytest.mark.parametrize("cell", CELLS)


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def made(cell: str, batch: int, steps: int, inputs: int, hidden: int, seed: int = 0, dtype=torch.float64):
    """Inputs, weights and states, all asking for a gradient."""
    rows = {"gru": 3, "lstm": 4}.get(cell, 1) * hidden
    scale = 1.2 / hidden**0.5
    weights = [
        scale * random(*shape, seed=seed + n, dtype=dtype)
        for n, shape in enumerate([(rows, inputs), (rows, hidden), (rows,), (rows,)])
    ]
    states = [random(batch, hidden, seed=seed + 7 + n, dtype=dtype) for n in range(2 if cell == "lstm" else 1)]
    x = random(batch, steps, inputs, seed=seed + 9, dtype=dtype)
    for tensor in (x, *weights, *states):
        tensor.requires_grad_()
    return x, weights, states


def torchs(cell: str, x: Tensor, weights: list[Tensor], states: list[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """torch's own kernel, on the very same tensors."""
    last = (weights, True, 1, 0.0, False, False, True)
    if cell == "lstm":
        out, h, c = torch.lstm(x, tuple(state[None] for state in states), *last)
        return out, (h[0], c[0])
    out, h = {"gru": torch.gru, "rnn_tanh": torch.rnn_tanh, "rnn_relu": torch.rnn_relu}[cell](x, states[0][None], *last)
    return out, (h[0],)


def gradients(out: Tensor, last: tuple[Tensor, ...], wanted: list[Tensor]) -> tuple[Tensor, ...]:
    total = (out * random(*out.shape, seed=99, dtype=out.dtype)).sum()
    for n, state in enumerate(last):
        total = total + (state * random(*state.shape, seed=100 + n, dtype=out.dtype)).sum()
    return torch.autograd.grad(total, wanted)


def far(mine: Tensor, right: Tensor) -> float:
    """The distance, relative to the length of what is right."""
    mine, right = mine.detach(), right.detach()
    return float((mine - right).norm() / (right.norm() + 1e-30))


@every
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 7), st.integers(1, 18), st.integers(1, 35)),
    seed=st.integers(0, 99),
)
def test_states_and_gradients_are_torchs(cell, sizes, seed):
    x, weights, states = made(cell, *sizes, seed=seed)
    out, last = kernels.run(cell, x, weights, tuple(states))
    right, right_last = torchs(cell, x, weights, states)
    torch.testing.assert_close(out, right, **EXACT)
    torch.testing.assert_close(last, right_last, **EXACT)
    wanted = [x, *weights, *states]
    for mine, theirs in zip(gradients(out, last, wanted), gradients(right, right_last, wanted), strict=True):
        torch.testing.assert_close(mine, theirs, **EXACT)


@every
@pytest.mark.parametrize(
    "sizes", [(32, 50, 4, 32), (32, 28, 28, 128), (3, 200, 2, 64), (128, 5, 1, 256), (1, 30, 9, 2)]
)
def test_single_precision_is_within_a_hundred_thousandth(cell, sizes):
    x, weights, states = made(cell, *sizes)
    wanted = [x, *weights, *states]
    right, right_last = torchs(cell, x, weights, states)
    truth = gradients(right, right_last, wanted)
    small = [tensor.detach().float().requires_grad_() for tensor in wanted]
    out, last = kernels.run(cell, small[0], small[1:5], tuple(small[5:]))
    assert out.dtype == torch.float32 and far(out.double(), right) < 1e-5
    for mine, exact in zip(gradients(out, last, small), truth, strict=True):
        assert far(mine.double(), exact) < 1e-5


@every
@pytest.mark.parametrize("sizes", [(2, 3, 2, 3), (5, 4, 3, 9)])
def test_gradients_by_finite_differences(cell, sizes):
    x, weights, states = made(cell, *sizes, seed=3)
    count = len(weights)

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        out, last = kernels.run(cell, x, list(rest[:count]), rest[count:])
        return (out, *last)

    assert torch.autograd.gradcheck(run, (x, *weights, *states))


@every
def test_inputs_may_lie_anyhow_and_gradients_may_be_one_number(cell):
    x, weights, states = made(cell, 6, 5, 4, 8)
    turned = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    every_other = torch.stack([x.detach(), -x.detach()], dim=-1)[..., 0]
    by_rows = [weight.detach().t().contiguous().t() if weight.dim() == 2 else weight for weight in weights]
    with torch.no_grad():
        right, _ = torchs(cell, x, weights, states)
        for given_x, given_weights in ((turned, weights), (every_other, weights), (x, by_rows)):
            out, _ = kernels.run(cell, given_x, given_weights, tuple(states))
            torch.testing.assert_close(out, right, **EXACT)
    mine = torch.autograd.grad(kernels.run(cell, x, weights, tuple(states))[0].sum(), weights)
    theirs = torch.autograd.grad(torchs(cell, x, weights, states)[0].sum(), weights)
    torch.testing.assert_close(mine, theirs, **EXACT)


@every
def test_only_what_is_asked_for_is_learned_from(cell):
    x, weights, states = made(cell, 4, 6, 3, 8)
    out, last = kernels.run(cell, x, weights, tuple(states))
    mine = torch.autograd.grad(last[-1].sum(), weights, retain_graph=True)
    again = torch.autograd.grad(last[-1].sum(), weights)
    theirs = torch.autograd.grad(torchs(cell, x, weights, states)[1][-1].sum(), weights)
    torch.testing.assert_close(mine, theirs, **EXACT)
    torch.testing.assert_close(again, mine, rtol=0, atol=0)
    plain = kernels.run(cell, x.detach(), [w.detach() for w in weights], tuple(s.detach() for s in states))[0]
    assert not plain.requires_grad and torch.equal(plain, out)


@every
@pytest.mark.parametrize("batch", [8, 16, 21, 37])
def test_threads_change_nothing(cell, batch, monkeypatch):
    monkeypatch.setattr(parallel, "MIN_WORK", 0)
    x, weights, states = made(cell, batch, 4, 3, 20)
    wanted = [x, *weights, *states]
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        out, last = kernels.run(cell, x, weights, tuple(states))
        found.append((out, *gradients(out, last, wanted)))
    for other in found[1:]:
        for one, many in zip(found[0], other, strict=True):
            assert torch.equal(one, many)


@pytest.mark.parametrize(
    "count, work, ranges",
    [
        (32, parallel.MIN_WORK, [(0, 16), (16, 32)]),
        (37, parallel.MIN_WORK, [(0, 20), (20, 37)]),
        (32, parallel.MIN_WORK - 1, [(0, 32)]),
        (15, parallel.MIN_WORK, [(0, 15)]),
    ],
)
def test_only_enough_work_is_split(count, work, ranges, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    called = []
    parallel.split(lambda *arguments: called.append(arguments), count, 4, work, "x")
    assert sorted(called) == [("x", *part) for part in ranges]


def test_an_explosion_is_not_hidden():
    x, weights, states = made("rnn_relu", 2, 50, 3, 8)
    with torch.no_grad():
        weights[1] *= 1e9
        out, _ = kernels.run("rnn_relu", x, weights, tuple(states))
    assert not torch.isfinite(out).all()
    x = x.detach().clone()
    x[0, 1, 2] = torch.nan
    for cell in ("rnn_tanh", "gru", "lstm"):
        _, weights, states = made(cell, 2, 50, 3, 8)
        out, _ = kernels.run(cell, x, weights, tuple(states))
        assert torch.isnan(out[0, 1:]).all() and torch.isfinite(out[1]).all()


@every
def test_the_rule_says_no_to_what_the_loops_cannot(cell, monkeypatch):
    x, weights, _ = made(cell, 2, 3, 4, 5, dtype=torch.float32)
    assert kernels.suits(cell, x, weights)
    assert not kernels.suits(cell, x.half(), weights) and not kernels.suits(cell, x.double(), weights)
    assert not kernels.suits(cell, x.to("meta"), weights) and not kernels.suits(cell, x[:0], weights)
    monkeypatch.setattr(kernels, "ENABLED", False)
    assert not kernels.suits(cell, x, weights)


def test_a_second_derivative_is_refused_and_not_wrong():
    x, weights, states = made("gru", 2, 3, 2, 4)
    (gradient,) = torch.autograd.grad(kernels.run("gru", x, weights, tuple(states))[0].sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradient.sum().backward()


def test_against_a_module_with_two_layers_and_both_directions():
    """torch's module of two layers, put together of four loops."""
    twin = nn.GRU(3, 6, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    x = random(4, 7, 3, seed=1).requires_grad_()
    read = x
    for layer in range(2):
        parts = []
        for suffix in ("", "_reverse"):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [getattr(twin, f"{name}_l{layer}{suffix}") for name in names]
            start = (torch.zeros(4, 6, dtype=torch.float64),)
            out, _ = kernels.run("gru", read.flip(1) if suffix else read, weights, start)
            parts.append(out.flip(1) if suffix else out)
        read = torch.cat(parts, dim=-1)
    right = twin(x)[0]
    torch.testing.assert_close(read, right, **EXACT)
    wanted = [x, *twin.parameters()]
    mine, theirs = (torch.autograd.grad((out * out).sum(), wanted) for out in (read, right))
    torch.testing.assert_close(mine, theirs, **EXACT)
