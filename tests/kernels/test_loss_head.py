"""Dense layers and loss in one go, against torch."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, linear, mse_loss

from rnn_explorer import kernels

EXACT = {"rtol": 1e-10, "atol": 1e-12}


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def torchs(features: Tensor, rows: Tensor | None, targets: Tensor, activation: str, linears) -> tuple[Tensor, Tensor]:
    x = features.reshape(-1, features.shape[-1])
    x = x if rows is None else x[rows]
    for number, (weight, bias) in enumerate(linears):
        x = linear(x, weight, bias)
        if number + 1 < len(linears):
            x = getattr(torch, activation)(x)
    if targets.is_floating_point():
        return mse_loss(x, targets), mse_loss(x, targets)
    return cross_entropy(x, targets), (x.argmax(dim=-1) == targets).double().mean()


def layers(*sizes: int, seed: int = 5) -> list[tuple[Tensor, Tensor]]:
    return [
        (random(out, into, seed=seed + n).requires_grad_(), random(out, seed=seed + 50 + n).requires_grad_())
        for n, (into, out) in enumerate(itertools.pairwise(sizes))
    ]


@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 20)),
        st.tuples(st.integers(1, 6), st.integers(1, 7), st.integers(1, 20)),
    ),
    units=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    activation=st.sampled_from(["relu", "tanh", "sigmoid"]),
    classes=st.booleans(),
    some=st.booleans(),
    seed=st.integers(0, 99),
)
def test_loss_metric_and_gradients_are_torchs(shape, units, activation, classes, some, seed):
    features = random(*shape, seed=seed).requires_grad_()
    linears = layers(shape[-1], *units, seed=seed)
    count = features.numel() // shape[-1]
    source = torch.Generator().manual_seed(seed)
    rows = torch.randperm(count, generator=source)[: max(1, count // 2)] if some else None
    answers = count if rows is None else len(rows)
    targets = (
        torch.randint(units[-1], (answers,), generator=source) if classes else random(answers, units[-1], seed=seed)
    )
    wanted = [features, *(part for pair in linears for part in pair)]
    loss, metric = kernels.loss_and_metric(features, rows, targets, activation, linears)
    right, right_metric = torchs(features, rows, targets, activation, linears)
    torch.testing.assert_close(loss, right, **EXACT)
    torch.testing.assert_close(metric, right_metric.detach(), **EXACT)
    for mine, theirs in zip(torch.autograd.grad(3 * loss, wanted), torch.autograd.grad(3 * right, wanted), strict=True):
        torch.testing.assert_close(mine, theirs, **EXACT)
    with torch.no_grad():
        assert torch.equal(kernels.loss_and_metric(features, rows, targets, activation, linears)[0], loss)


def test_a_model_that_says_the_same_of_all_classes_is_right_of_the_first_only():
    nothing = [(torch.zeros(12, 4), torch.zeros(12))]
    _, metric = kernels.loss_and_metric(torch.ones(6, 4), None, torch.tensor([0, 1, 9, 0, 11, 8]), "relu", nothing)
    assert metric.item() == pytest.approx(2 / 6)


def test_many_small_losses_add_up():
    """A plain sum in single precision would lose the last digits of a hundred thousand terms."""
    features, weight = torch.full((100_000, 1), 0.1), torch.full((1, 1), 1.0)
    loss, _ = kernels.loss_and_metric(features, None, torch.zeros(100_000, 1), "relu", [(weight, torch.zeros(1))])
    assert loss.item() == pytest.approx(0.01, rel=1e-6)


def test_what_is_no_number_shows():
    linears = [(torch.ones(3, 2), torch.zeros(3))]
    for bad in (torch.nan, torch.inf):
        loss, _ = kernels.loss_and_metric(
            torch.full((4, 2), bad), None, torch.zeros(4, dtype=torch.long), "relu", linears
        )
        assert not torch.isfinite(loss)
