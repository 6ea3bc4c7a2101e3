"""Adam in two passes, against torch's."""

from __future__ import annotations

import pytest
import torch

from rnn_explorer.kernels.adam import Adam

SHAPES = ((3, 5), (17,), (1,), (64, 33))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_torchs(dtype, weight_decay):
    source = torch.Generator().manual_seed(0)
    mine = [torch.randn(shape, generator=source, dtype=dtype) for shape in SHAPES]
    theirs = [parameter.clone() for parameter in mine]
    kept = [torch.zeros_like(parameter) for parameter in mine]
    ours = Adam(mine, kept, lr=0.01, weight_decay=weight_decay)
    torchs = torch.optim.Adam(theirs, lr=0.01, weight_decay=weight_decay)
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-12, "atol": 1e-14}
    for step in range(30):
        if step == 15:
            ours.param_groups[0]["lr"] = torchs.param_groups[0]["lr"] = 0.002
        before = [parameter.clone() for parameter in mine]
        for parameter, twin in zip(mine, theirs, strict=True):
            gradient = torch.randn(parameter.shape, generator=source, dtype=dtype)
            parameter.grad, twin.grad = gradient.clone(), 0.5 * gradient
        length = torch.nn.utils.get_total_norm([parameter.grad for parameter in mine])
        assert ours.norm() == pytest.approx(length.item(), rel=1e-5)
        ours.update(0.5)
        torchs.step()
        torch.testing.assert_close(mine, theirs, **close)
        torch.testing.assert_close(kept, before, rtol=0, atol=0)
        torch.testing.assert_close([p.grad for p in mine], [p.grad for p in theirs], **close)
    ours.sync_state()
    for parameter, twin in zip(mine, theirs, strict=True):
        assert set(ours.state[parameter]) == set(torchs.state[twin])
        for name, value in torchs.state[twin].items():
            torch.testing.assert_close(ours.state[parameter][name], value, **close)


def test_it_goes_on_from_a_state_and_forgets_one():
    parameter = torch.ones(9)
    first = Adam([parameter], [parameter.clone()], lr=0.1, weight_decay=0.0)
    for _ in range(3):
        parameter.grad = torch.linspace(-1, 1, 9)
        first.norm()
        first.update(1.0)
    first.sync_state()
    copy = parameter.clone()
    second = Adam([copy], [copy.clone()], lr=0.1, weight_decay=0.0)
    second.state[copy] = {name: value.clone() for name, value in first.state[parameter].items()}
    for optimizer, tensor in ((first, parameter), (second, copy)):
        tensor.grad = torch.ones(9)
        optimizer.norm()
        optimizer.update(1.0)
    second.sync_state()
    assert torch.equal(parameter, copy) and second.state[copy]["step"] == 4
    second.reset()
    copy.grad = torch.ones(9)
    second.norm()
    second.update(1.0)
    second.sync_state()
    assert second.state[copy]["step"] == 1


def test_a_gradient_that_is_none_or_too_large_is_told_by_its_length():
    parameter = torch.ones(3)
    optimizer = Adam([parameter], [parameter.clone()], lr=0.1, weight_decay=0.0)
    for bad in (torch.nan, torch.inf):
        parameter.grad = torch.tensor([0.0, bad, 0.0])
        assert not torch.isfinite(torch.tensor(optimizer.norm()))
