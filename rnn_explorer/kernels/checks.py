"""Checks of tensors before their addresses go to compiled code, which reads and writes without any bounds.

Types, shapes and strides are checked here: of weights when memory is allocated for them, of every batch. The ranges
of classes and row indices are checked by the compiled loops themselves (`dense.py`), number by number before use; they
count the wrong ones, and the messages about them are here.

A failed check raises ValueError. The user's data are checked long before; a failure here is a fault of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rnn_explorer.kernels.dense import IGNORED
from rnn_explorer.kernels.loops import LAYOUTS
from rnn_explorer.kernels.vector_code import DTYPES


def numbers(tensor: Tensor, name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Check the type and shape of a tensor, and that it is on the CPU.

    Raises:
        ValueError: says what is wrong.
    """
    if tensor.dtype is not dtype or tensor.shape != shape or not tensor.is_cpu:
        found = f"{tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}"
        raise ValueError(f"{name} must be {dtype} of shape {shape} on the CPU, but is {found}.")


def contiguous(tensor: Tensor, name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Like `numbers`, for a tensor that compiled code reads without strides."""
    numbers(tensor, name, dtype, shape)
    if not tensor.is_contiguous():
        raise ValueError(f"{name} must be contiguous, but has strides {tensor.stride()} at shape {shape}.")


def dtype_of(weight: Tensor) -> torch.dtype:
    """The type of this weight, which all others must have, too.

    Raises:
        ValueError: if there is no compiled code for it.
    """
    if weight.dtype not in DTYPES:
        raise ValueError(f"weights are {weight.dtype}, but compiled code is for {', '.join(map(str, DTYPES))}.")
    return weight.dtype


def recurrent(cell: str, weights: Sequence[Tensor], states: Sequence[Tensor]) -> None:
    """Check the weights of a layer and its initial states; see `recurrence.RecurrentPass`.

    Raises:
        ValueError: says what is wrong.
    """
    if cell not in LAYOUTS:
        raise ValueError(f"the cell is {cell!r}, but must be one of {', '.join(LAYOUTS)}.")
    if len(weights) != 4 or weights[0].dim() != 2:
        raise ValueError("a layer has four weights: weight_ih (a matrix), weight_hh, bias_ih and bias_hh.")
    dtype, (rows, inputs) = dtype_of(weights[0]), weights[0].shape
    hidden = rows // LAYOUTS[cell].gates
    if hidden < 1 or inputs < 1:
        raise ValueError(f"weight_ih has the shape {(rows, inputs)}, which is too small for {cell}.")
    rows = hidden * LAYOUTS[cell].gates
    shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
    for weight, (name, shape) in zip(weights, shapes.items(), strict=True):
        contiguous(weight, name, dtype, shape)
    wanted = 2 if cell == "lstm" else 1
    if len(states) != wanted or states[0].dim() != 2 or not len(states[0]):
        raise ValueError(f"{cell} starts from {wanted} of (batch, {hidden}), with at least one sequence.")
    for state in states:
        contiguous(state, "an initial state", dtype, (len(states[0]), hidden))


def inputs(x: Tensor, dtype: torch.dtype, batch: int, steps: int, size: int) -> None:
    """Check the inputs of a layer; strides are free but for the features, which must be contiguous.

    Raises:
        ValueError: says what is wrong.
    """
    numbers(x, "x", dtype, (batch, steps, size))
    if size > 1 and x.stride(2) != 1:
        raise ValueError(f"the numbers of a step must lie side by side, but x has strides {x.stride()}.")


def linears(parameters: Sequence[Tensor]) -> None:
    """Check weights and biases of stacked dense layers; see `loss_head.LossHead`.

    Raises:
        ValueError: says what is wrong.
    """
    if not parameters or len(parameters) % 2 or parameters[0].dim() != 2:
        raise ValueError("dense layers are a weight (a matrix) and a bias for each, at least one.")
    dtype, width = dtype_of(parameters[0]), parameters[0].shape[1]
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        units = len(bias) if bias.dim() else 0
        if width < 1 or units < 1:
            raise ValueError("a dense layer has at least one input and one unit.")
        contiguous(weight, "a dense layer's weight", dtype, (units, width))
        contiguous(bias, "a dense layer's bias", dtype, (units,))
        width = units


def fit_targets(targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Targets as compiled code reads them: contiguous, values in the type of the model."""
    if targets.requires_grad:
        raise ValueError("targets ask for a gradient, which the compiled loss does not give.")
    return (targets.to(dtype) if targets.is_floating_point() else targets).contiguous()


def loss_inputs(targets: Tensor, rows: Tensor | None, count: int, outputs: int, dtype: torch.dtype) -> bool:
    """Check targets and row indices of the loss; see `loss_head.LossHead.run`.

    Returns:
        Whether the targets are classes.

    Raises:
        ValueError: says what is wrong.
    """
    classes = not targets.is_floating_point()
    if classes:
        contiguous(targets, "targets of classes", torch.int64, (count,))
    else:
        contiguous(targets, "targets of values", dtype, (count, outputs))
    if rows is not None:
        contiguous(rows, "rows", torch.int64, (count,))
    return classes


def wrong_classes(targets: Tensor, classes: int) -> ValueError:
    """The error about targets that compiled code found out of range."""
    wrong = targets[((targets < 0) & (targets != IGNORED)) | (targets >= classes)]
    return ValueError(
        f"{len(wrong)} of {len(targets)} targets are no class from 0 to {classes - 1} (nor {IGNORED}, which does not "
        f"count); the first is {int(wrong[0])}."
    )


def wrong_rows(rows: Tensor, count: int) -> ValueError:
    """The error about row indices that compiled code found out of range."""
    wrong = rows[(rows < 0) | (rows >= count)]
    return ValueError(f"{len(wrong)} of {len(rows)} rows are not from 0 to {count - 1}; the first is {int(wrong[0])}.")
