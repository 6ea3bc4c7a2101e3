"""Every cell's Jacobian against automatic differentiation of its step and against finite differences."""

from __future__ import annotations

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from rnn_explorer.cells.base import RecurrentCell, State, cell_class
from tests.cells.variants import every

CASES = {
    "sizes": st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),  # batch, inputs, hidden
    "seed": st.integers(0, 10_000),
    "reach": st.sampled_from([0.1, 1.0, 3.0]),  # how far states and inputs go from zero
}
SPAN = 1e-5  # of a finite difference


def drawn(
    key: str, options: dict, sizes: tuple[int, int, int], seed: int, reach: float
) -> tuple[RecurrentCell, Tensor, State]:
    """A cell with random weights and biases, an input and a state, in double precision."""
    batch, inputs, hidden = sizes
    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    cell = cell_class(key)(inputs, hidden, **options).double().requires_grad_(False)
    for parameter in cell.parameters():
        parameter.copy_(normal(*parameter.shape))
    return cell, reach * normal(batch, inputs), tuple(reach * normal(batch, hidden) for _ in cell.state_names)


def next_state(cell: RecurrentCell, x: Tensor, joined: Tensor) -> Tensor:
    """(size,) from (input_size,) and (size,): one step of one sequence, states joined."""
    new, _ = cell.step(x[None], tuple(part[None] for part in joined.split(cell.hidden_size)))
    return torch.cat(new, dim=-1)[0]


def by_differences(cell: RecurrentCell, x: Tensor, state: State) -> Tensor:
    """Central differences, one component of the state at a time."""
    joined = torch.cat(state, dim=-1)
    found = joined.new_zeros(*joined.shape, joined.shape[-1])
    for row in range(len(joined)):
        for column in range(joined.shape[-1]):
            move = torch.zeros_like(joined[row])
            move[column] = SPAN
            ahead, behind = (next_state(cell, x[row], joined[row] + way * move) for way in (1, -1))
            found[row, :, column] = (ahead - behind) / (2 * SPAN)
    return found


def kink_is_near(cell: RecurrentCell, x: Tensor, state: State) -> bool:
    """Whether a difference could step over the corner of relu, where there is no derivative."""
    if getattr(cell, "nonlinearity", "") != "relu":
        return False
    return bool((cell.step(x, state)[1]["pre_activation"].abs() < 1e-3).any())


@every
@given(**CASES)
def test_it_is_the_derivative_of_the_step(key, options, sizes, seed, reach) -> None:
    cell, x, state = drawn(key, options, sizes, seed, reach)
    found = cell.jacobian(x, state)
    joined = torch.cat(state, dim=-1)
    assert found.shape == (sizes[0], joined.shape[-1], joined.shape[-1])
    for row in range(sizes[0]):
        right = torch.func.jacrev(lambda s, row=row: next_state(cell, x[row], s))(joined[row])
        torch.testing.assert_close(found[row], right, atol=1e-12, rtol=1e-10)


@every
@given(**CASES)
def test_it_agrees_with_finite_differences(key, options, sizes, seed, reach) -> None:
    cell, x, state = drawn(key, options, sizes, seed, reach)
    assume(not kink_is_near(cell, x, state))
    torch.testing.assert_close(cell.jacobian(x, state), by_differences(cell, x, state), atol=1e-6, rtol=1e-6)


@every
@given(**CASES)
def test_what_a_cell_without_a_closed_form_inherits(key, options, sizes, seed, reach) -> None:
    cell, x, state = drawn(key, options, sizes, seed, reach)
    found = RecurrentCell.jacobian(cell, x, state)
    joined = torch.cat(state, dim=-1)
    for row in range(sizes[0]):
        right = torch.autograd.functional.jacobian(lambda s, row=row: next_state(cell, x[row], s), joined[row])
        torch.testing.assert_close(found[row], right, atol=1e-12, rtol=1e-10)
    assume(not kink_is_near(cell, x, state))
    torch.testing.assert_close(found, by_differences(cell, x, state), atol=1e-6, rtol=1e-6)


@every
def test_each_row_of_the_batch_has_its_own(key, options) -> None:
    cell, x, state = drawn(key, options, (3, 2, 4), 7, 1.0)
    whole = cell.jacobian(x, state)
    for row in range(3):
        alone = cell.jacobian(x[row : row + 1], tuple(part[row : row + 1] for part in state))
        torch.testing.assert_close(whole[row : row + 1], alone, atol=1e-13, rtol=1e-13)
    assert not torch.allclose(whole[0], whole[1], atol=1e-3)


def test_an_lstm_by_hand() -> None:
    # One unit, no recurrent weights: c' = sigma(f) c + ..., h' = sigma(o) tanh(c'); the old h matters to nothing.
    cell = cell_class("lstm")(1, 1).double().requires_grad_(False)
    for parameter in cell.parameters():
        parameter.zero_()
    cell.bias_ih.copy_(
        torch.tensor([-50.0, 1.0, 0.0, 2.0])
    )  # input shut, forget sigma(1), candidate 0, output sigma(2)
    x, state = torch.zeros(1, 1, dtype=torch.float64), (torch.tensor([[0.3]]).double(), torch.tensor([[0.5]]).double())
    forget, out = torch.sigmoid(torch.tensor([1.0, 2.0], dtype=torch.float64))
    slope = 1 - torch.tanh(0.5 * forget) ** 2
    right = torch.tensor([[[0.0, out * slope * forget], [0.0, forget]]], dtype=torch.float64)
    torch.testing.assert_close(cell.jacobian(x, state), right, atol=1e-14, rtol=1e-14)
