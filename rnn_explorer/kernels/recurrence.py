"""The compiled recurrences as a function of torch tensors, with its gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from rnn_explorer.kernels import parallel
from rnn_explorer.kernels.language import LANES, DType
from rnn_explorer.kernels.loops import LAYOUTS, SPACE, program, row_size
from rnn_explorer.kernels.products import ROWS, padded

_DTYPES: dict[torch.dtype, DType] = {torch.float32: "float32", torch.float64: "float64"}


class Recurrence(torch.autograd.Function):
    """A cell over whole sequences, by backpropagation through time.

    Hidden states of all steps and the last states are all outputs, so that a question asked at the end alone does not
    send a gradient that is zero nearly everywhere through memory. The second derivative is not there.
    """

    @staticmethod
    def forward(
        ctx: Any, cell: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        layout, code = LAYOUTS[cell], program(cell, _DTYPES[x.dtype])
        (batch, steps, inputs), hidden, dtype = x.shape, w_hh.shape[1], x.dtype
        P, S = padded(hidden), row_size(inputs, hidden)
        make = torch.empty if P == hidden else torch.zeros  # what is padded must be zero
        if x.stride(2) != 1:
            x = x.contiguous()
        w_ih, w_hh, b_ih, b_hh = (tensor.contiguous() for tensor in (w_ih, w_hh, b_ih, b_hh))
        state = tuple(part.contiguous() for part in state)
        weights = make(layout.gates * P * (P + inputs), dtype=dtype)
        bias = make(layout.biases * P, dtype=dtype)
        code["pack_forward"](
            w_ih.data_ptr(), w_hh.data_ptr(), b_ih.data_ptr(), b_hh.data_ptr(),
            weights.data_ptr(), bias.data_ptr(), inputs, hidden,
        )  # fmt: skip
        z = torch.empty(steps + 1, batch, S, dtype=dtype)
        cs = torch.empty(steps + 1, batch, P, dtype=dtype) if len(state) > 1 else z
        code["enter"](
            x.data_ptr(), x.stride(1), x.stride(0), state[0].data_ptr(), state[-1].data_ptr(),
            z.data_ptr(), cs.data_ptr(), steps, batch, inputs, hidden,
        )  # fmt: skip
        learning = any(ctx.needs_input_grad)
        kept = batch * layout.kept * P
        gates = torch.empty((steps if learning else 1) * kept, dtype=dtype)
        parallel.share(
            code["forward"], batch, ROWS,
            weights.data_ptr(), bias.data_ptr(), z.data_ptr(), cs.data_ptr(), gates.data_ptr(),
            kept if learning else 0, steps, batch, inputs, hidden,
        )  # fmt: skip
        if learning:
            ctx.cell, ctx.inputs = cell, inputs
            ctx.save_for_backward(w_ih, w_hh, z, cs, gates)
            ctx.set_materialize_grads(False)
        lasts = [part[-1, :, :hidden] for part in ((z, cs) if len(state) > 1 else (z,))]
        return (z[1:, :, :hidden].transpose(0, 1), *lasts)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_states: Tensor | None, d_h: Tensor | None, d_c: Tensor | None = None
    ) -> tuple[Tensor | None, ...]:
        w_ih, w_hh, z, cs, gates = ctx.saved_tensors
        layout, code = LAYOUTS[ctx.cell], program(ctx.cell, _DTYPES[z.dtype])
        (steps, batch, S), inputs, hidden, dtype = z.shape, ctx.inputs, w_hh.shape[1], z.dtype
        steps -= 1
        P = padded(hidden)
        N, D, size = layout.columns * P, layout.columns * P + SPACE, z.element_size()
        weights = (torch.empty if P == hidden else torch.zeros)(len(layout.recurrent) * P * P, dtype=dtype)
        code["pack_backward"](w_hh.data_ptr(), weights.data_ptr(), hidden)
        dh = _padded_gradient(d_h, batch, hidden, dtype)
        dc = _padded_gradient(d_c, batch, hidden, dtype) if cs is not z else dh
        above: tuple[int, int, int] = (0, 0, 0)
        if d_states is not None:
            if P != hidden:
                d_states = pad(d_states, (0, P - hidden))
            elif d_states.stride(2) != 1 or d_states.stride(0) <= 0:  # as a sum gives it, one number everywhere
                d_states = d_states.contiguous()
            above = (d_states.data_ptr(), d_states.stride(1), d_states.stride(0))
        d = torch.empty(steps * batch, D, dtype=dtype)
        parallel.share(
            code["backward"], batch, ROWS,
            *above, weights.data_ptr(), z.data_ptr(), cs.data_ptr(), gates.data_ptr(), batch * layout.kept * P,
            dh.data_ptr(), dc.data_ptr(), d.data_ptr(), steps, batch, inputs, hidden,
        )  # fmt: skip
        out = torch.empty(N, S, dtype=dtype)

        def outer(column: int, columns: int, first: int, last: int) -> None:
            """Columns of d by numbers `first` to `last` of z, all steps and sequences summed up."""
            parallel.share(
                code["outer"], columns, ROWS,
                d.data_ptr() + column * size, D, z.data_ptr() + first * size, S,
                out.data_ptr() + (column * S + first) * size, S, steps * batch, (last - first) // LANES,
            )  # fmt: skip

        if (
            layout.entering
        ):  # the GRU's inner sum has hidden weights and a bias, but no inputs; its candidate the reverse
            outer(0, N - P, 0, P)
            outer(P, N - P, P, S)
            ones = P + inputs // LANES * LANES
            outer(0, P, ones, ones + LANES)
        else:
            outer(0, N, 0, S)
        rows = w_ih.shape[0]
        grads = [torch.empty(shape, dtype=dtype) for shape in ((rows, inputs), (rows, hidden), (rows,), (rows,))]
        code["unpack"](out.data_ptr(), *(grad.data_ptr() for grad in grads), inputs, hidden)
        d_x = None
        if ctx.needs_input_grad[1]:
            w = w_ih if P == hidden else pad(w_ih.view(-1, hidden, inputs), (0, 0, 0, P - hidden)).view(-1, inputs)
            first = layout.entering * P
            d_x = (d[:, first : first + layout.gates * P] @ w).view(steps, batch, inputs).transpose(0, 1)
        return (None, d_x, *grads, *(part[:, :hidden] for part in ((dh, dc) if cs is not z else (dh,))))


def _padded_gradient(given: Tensor | None, batch: int, hidden: int, dtype: torch.dtype) -> Tensor:
    """(batch, P): a copy that may be written into."""
    gradient = torch.zeros(batch, padded(hidden), dtype=dtype)
    if given is not None:
        gradient[:, :hidden] = given
    return gradient
