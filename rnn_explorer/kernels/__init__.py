"""Compiled code for what training spends its time on: the recurrences of the three cells, forward and backward.

On a CPU, torch runs a simple RNN or a GRU as a loop of small operations, and only the LSTM as one kernel. Here each
cell is one compiled loop over time, in float32 and float64, with its backward pass written by hand; so are the dense
layers with the loss, and Adam. It needs the extra `llvmlite`, an LLVM compiler in a Python package; without it, or with
RNN_EXPLORER_KERNELS=torch in the environment, torch's own kernels are used and everything works the same, slower.

    vector_code, cache  a small language of vector operations, compiled by LLVM, and the cache of its machine code
    products, loops     matrix products by tiles, and the cells' loops over time
    recurrence          the loops on tensors, and as an autograd function
    dense, loss_head    dense layers, loss and their gradients: the code, and the same on tensors
    adam                the optimizer
    checks              types, shapes and strides of tensors whose addresses go to compiled code
    fused_step          loss and gradients of a whole network without autograd, made of the above
    parallel            compiled functions on several threads

`suits` decides between the compiled loop and torch's kernel.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rnn_explorer.kernels.vector_code import AVAILABLE

if TYPE_CHECKING:
    from rnn_explorer.kernels.fused_step import Network

ENABLED = AVAILABLE and os.environ.get("RNN_EXPLORER_KERNELS", "") != "torch"

# Hidden size above which torch's kernel for the LSTM (oneDNN) is the faster one with more than one thread: it splits
# its matrix products by units; the loops here split sequences, so that each thread reads all weights for few of them.
TORCH_LSTM_ABOVE = 128


def prepare() -> None:
    """Compile all float32 code, or load it from the cache, before a user waits for it."""
    if ENABLED:
        from rnn_explorer.kernels import adam, dense, loops

        for cell in loops.LAYOUTS:
            loops.program(cell, "float32")
        dense.program("float32")
        adam.program("float32")


def suits(cell: str, x: Tensor, weights: list[Tensor]) -> bool:
    """Whether to use the compiled loop, rather than torch's kernel.

    Measured (`python -m benchmarks.kernels`) over hidden 2 to 256, 5 to 200 steps and 1 to 128 sequences: with one
    thread it is up to 34 times as fast (GRU, hidden 8, 200 steps of few sequences), and on an AMD never slower; on an
    Intel with AVX-512 an LSTM of 128 units takes it 4 % longer.

    Args:
        cell: "rnn_tanh", "rnn_relu", "gru" or "lstm".
        x: (batch, time, input_size), at least one step.
        weights: in torch's order.
    """
    if not ENABLED or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64) or not len(x):
        return False
    if any(tensor.dtype != x.dtype for tensor in weights):
        return False
    return not (torch.get_num_threads() > 1 and _torch_is_faster(cell, weights))


def _torch_is_faster(cell: str, weights: list[Tensor]) -> bool:
    """With several threads."""
    return cell == "lstm" and weights[1].shape[1] > TORCH_LSTM_ABOVE


def suits_network(network: Network) -> bool:
    """`suits` for every layer of a network in float32 on the CPU; cheap enough for every step."""
    several = torch.get_num_threads() > 1
    return ENABLED and not (several and any(_torch_is_faster(cell, weights) for cell, weights in network.layers))


def run(cell: str, x: Tensor, weights: list[Tensor], state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a cell over full sequences by the compiled loop; only if `suits` is true.

    Args:
        cell: "rnn_tanh", "rnn_relu", "gru" or "lstm".
        x: (batch, time, input_size).
        weights: weight_ih, weight_hh, bias_ih, bias_hh, as torch has them.
        state: (batch, hidden_size) for each state that the cell carries.

    Returns:
        The hidden states, (batch, time, hidden_size), and the states after the last step.

    Raises:
        ValueError: for tensors whose types or shapes do not fit together.
    """
    from rnn_explorer.kernels.recurrence import Recurrence, recur

    if _needs_grad(x, *weights, *state):
        states, *last = Recurrence.apply(cell, x, *weights, *state)
    else:
        _, (states, *last) = recur(cell, x, weights, state, backward=False)
    return states, tuple(last)


def _needs_grad(*tensors: Tensor) -> bool:
    """Whether autograd records. (Within an autograd function it never does.)"""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def loss_and_metric(
    features: Tensor,
    rows: Tensor | None,
    targets: Tensor,
    activation: str,
    linears: Sequence[tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """Loss and metric of dense layers on top of features; needs `ENABLED`.

    Args:
        features: (batch, features), or (batch, time, features).
        rows: (outputs,) long: indices among batch * time rows of features, in the order of (batch, time); None: all.
        targets: (outputs,) long for classes, -100 to be ignored, as in torch; (outputs, values) for values.
        activation: after each layer but the last.
        linears: weight and bias of each layer.

    Returns:
        Mean cross-entropy and accuracy; or the mean squared error twice. The metric has no gradient.

    Raises:
        ValueError: for tensors whose types or shapes do not fit together, and for classes or rows out of range.
    """
    from rnn_explorer.kernels import loss_head

    parameters = [part for linear in linears for part in linear]
    if _needs_grad(features, *parameters):
        return loss_head.FusedLoss.apply(features, rows, targets, activation, *parameters)
    return loss_head.run(features, rows, targets, activation, parameters, backward=False)[0]
