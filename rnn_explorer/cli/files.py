"""The files that a training leaves behind: a trace, and a model with all it takes to train on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rnn_explorer.cli.base import BadInput

if TYPE_CHECKING:
    from rnn_explorer.trace import Trace
    from rnn_explorer.training import Trainer


def write_trace(path: Path, trace: Trace) -> None:
    """Write a trace as a numpy .npz file, whole or not at all.

    Args:
        path: where to; what is there is replaced.
        trace: becomes `inputs`, `targets`, `lengths`, `answers`, and one array for each gate and state, named by
            layer, direction and name (`layer0.forward.forget`).

    Raises:
        OSError: when it cannot be written.
    """
    arrays = {"inputs": trace.inputs, "targets": trace.targets, "lengths": trace.lengths, "answers": trace.answers}
    for layer in trace.layers:
        for name, values in (*layer.gates.items(), *layer.states.items()):
            arrays[f"layer{layer.layer}.{layer.direction}.{name}"] = values
    _write_whole(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def write_state(path: Path, trainer: Trainer) -> None:
    """Write a model with its optimizer and its experiment as a safetensors file, whole or not at all.

    Args:
        path: where to; what is there is replaced.
        trainer: whose.

    Raises:
        OSError: when it cannot be written.
    """
    state = trainer.state()
    _write_whole(path, lambda file: file.write(state))


def _write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there when it is complete."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            write(file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def writable(given: str | None, option: str) -> Path | None:
    """Make sure, before minutes of training, that `_write_whole` will find its place; None for None."""
    if given is None:
        return None
    path = Path(given)
    part = path.with_name(path.name + ".part") if path.name else path
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        part.open("wb").close()
        part.unlink()
    except OSError as error:
        raise BadInput(f"{option} {path} cannot be written: {error.strerror}.") from error
    return path
