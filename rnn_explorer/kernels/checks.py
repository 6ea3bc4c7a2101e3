"""What enters compiled code is checked before: it reads and writes wherever it is told to.

Types, shapes and order in memory are checked here: of weights once, when memory is laid out for them, of a batch at
every call. Whether classes and rows are in range differs with every number, so the compiled loops look at each before
they use it (`dense.py`) and count the wrong ones; here is the sentence about them.

Whatever fails raises ValueError. A person's data never get here with such a fault; it would be one of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rnn_explorer.kernels.dense import IGNORED
from rnn_explorer.kernels.loops import LAYOUTS
from rnn_explorer.kernels.vector_code import DTYPES


def numbers(tensor: Tensor, name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Check a tensor of numbers, or of whole numbers, by its type and shape; it must lie in the CPU's memory.

    Raises:
        ValueError: says what is wrong.
    """
    if tensor.dtype is not dtype or tensor.shape != shape or not tensor.is_cpu:
        found = f"{tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}"
        raise ValueError(f"{name} must be {dtype} of shape {shape} on the CPU, but is {found}.")


def contiguous(tensor: Tensor, name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """As `numbers`, for a tensor that compiled code goes through without knowing of strides."""
    numbers(tensor, name, dtype, shape)
    if not tensor.is_contiguous():
        raise ValueError(f"{name} must be contiguous, but has strides {tensor.stride()} at shape {shape}.")


def dtype_of(weight: Tensor) -> torch.dtype:
    """The type that everything beside this weight must have.

    Raises:
        ValueError: where there is no compiled code for it.
    """
    if weight.dtype not in DTYPES:
        raise ValueError(f"weights are {weight.dtype}, but compiled code is for {', '.join(map(str, DTYPES))}.")
    return weight.dtype


def recurrent(cell: str, weights: Sequence[Tensor], states: Sequence[Tensor]) -> None:
    """Check the weights of a layer and the states that it starts from; see `recurrence.Pass`.

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
    """Check the numbers that a layer reads; they may lie at any strides, as long as a step's are side by side.

    Raises:
        ValueError: says what is wrong.
    """
    numbers(x, "x", dtype, (batch, steps, size))
    if size > 1 and x.stride(2) != 1:
        raise ValueError(f"the numbers of a step must lie side by side, but x has strides {x.stride()}.")


def linears(parameters: Sequence[Tensor]) -> None:
    """Check weights and biases of dense layers, one on top of the other; see `read_out.Answers`.

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
    """Targets as compiled code reads them: values in the type of the model, side by side in memory."""
    if targets.requires_grad:
        raise ValueError("targets ask for a gradient, which the compiled loss does not give.")
    return (targets.to(dtype) if targets.is_floating_point() else targets).contiguous()


def answers(targets: Tensor, rows: Tensor | None, count: int, outputs: int, dtype: torch.dtype) -> bool:
    """Check what the loss reads beside features; see `read_out.Answers.judge`.

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
    """The sentence about targets that compiled code has found out of range."""
    wrong = targets[((targets < 0) & (targets != IGNORED)) | (targets >= classes)]
    return ValueError(
        f"{len(wrong)} of {len(targets)} targets are no class from 0 to {classes - 1} (nor {IGNORED}, which does not "
        f"count); the first is {int(wrong[0])}."
    )


def wrong_rows(rows: Tensor, count: int) -> ValueError:
    """The sentence about rows that compiled code has found out of range."""
    wrong = rows[(rows < 0) | (rows >= count)]
    return ValueError(f"{len(wrong)} of {len(rows)} rows are not from 0 to {count - 1}; the first is {int(wrong[0])}.")
