"""Compiled code for what training spends its time on: the recurrences of the three cells, forward and backward.

On a CPU, torch runs a simple RNN or a GRU as a loop of small operations, and only the LSTM as one kernel. Here each
cell is one compiled loop over time, in float32 and float64, with its backward pass written by hand; so are the dense
layers with the loss, and Adam. It needs the extra `llvmlite`, an LLVM compiler in a Python package; without it, or with
RNN_EXPLORER_KERNELS=torch in the environment, torch's own kernels are used and everything works the same, slower.

    language, cache     the small language that the loops are written in, and its compiler
    products, loops     matrix products by tiles, and the loops over time
    recurrence          the loops on tensors, and as a function for autograd
    dense, read_out     dense layers, loss and their gradients: the code, and the same on tensors
    adam                the optimizer
    checks              what must hold of tensors before compiled code is given their addresses
    direct              a whole step of learning, made of the above
    parallel            work shared out among threads

`suits` is the rule that chooses.
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

# With more than one thread, torch's kernel for the LSTM (oneDNN) wins where its matrix products are large: the loops
# here share out sequences, and each thread must then read all weights for few of them.
LSTM_SHARED_BELOW = 128


def prepare() -> None:
    """Compile everything that float32 needs, or take it from where it was kept, before anybody waits for it."""
    if ENABLED:
        from rnn_explorer.kernels import adam, dense, loops

        for cell in loops.LAYOUTS:
            loops.program(cell, "float32")
        dense.program("float32")
        adam.program("float32")


def suits(cell: str, x: Tensor, weights: list[Tensor]) -> bool:
    """Whether the compiled loop is to be used, rather than torch's kernel.

    Measured (`python -m benchmarks.kernels`) over hidden 2 to 256, 5 to 200 steps and 1 to 128 sequences: with one
    thread it is never slower, and up to 34 times as fast (GRU, hidden 8, 200 steps of few sequences).

    Args:
        cell: "rnn_tanh", "rnn_relu", "gru" or "lstm".
        x: (batch, time, input_size), at least one step.
        weights: in torch's order.
    """
    if not ENABLED or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64) or not len(x):
        return False
    if any(tensor.dtype != x.dtype for tensor in weights):
        return False
    return not (torch.get_num_threads() > 1 and _torch_shares_better(cell, weights))


def _torch_shares_better(cell: str, weights: list[Tensor]) -> bool:
    return cell == "lstm" and weights[1].shape[1] >= LSTM_SHARED_BELOW


def suits_network(network: Network) -> bool:
    """Whether `suits` says yes of every layer of a network in float32 on the CPU; cheap enough for every step."""
    shared = torch.get_num_threads() > 1
    return ENABLED and not (shared and any(_torch_shares_better(cell, weights) for cell, weights in network.layers))


def run(cell: str, x: Tensor, weights: list[Tensor], state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The compiled loop over whole sequences, where `suits` has said yes.

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

    if _learning(x, *weights, *state):
        states, *last = Recurrence.apply(cell, x, *weights, *state)
    else:
        _, (states, *last) = recur(cell, x, weights, state, learning=False)
    return states, tuple(last)


def _learning(*tensors: Tensor) -> bool:
    """Whether gradients are wanted. (Unknown within an autograd function.)"""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def judge(
    features: Tensor,
    rows: Tensor | None,
    targets: Tensor,
    activation: str,
    linears: Sequence[tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """The loss of dense layers on top of features, and the metric that goes with it; needs `ENABLED`.

    Args:
        features: (batch, features), or (batch, time, features).
        rows: (answers,) long: which of the batch * time rows count, a sequence's steps side by side; None: all.
        targets: (answers,) long for classes, where -100 does not count, as in torch; (answers, values) for values.
        activation: after each layer but the last.
        linears: weight and bias of each layer.

    Returns:
        Mean cross-entropy and the share of right answers; or the mean squared error, and once more as the metric. The
        metric has no gradient.

    Raises:
        ValueError: for tensors whose types or shapes do not fit together, and for classes or rows that there are not.
    """
    from rnn_explorer.kernels.loss_head import ReadOut, judge

    parameters = [part for linear in linears for part in linear]
    if _learning(features, *parameters):
        return ReadOut.apply(features, rows, targets, activation, *parameters)
    return judge(features, rows, targets, activation, parameters, learning=False)[0]
