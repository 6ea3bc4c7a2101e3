"""Files that are written whole or not at all, and a trace as one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from rnn_explorer.trace import Trace


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
    write_whole(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def write_whole(path: Path, write: Callable[[BinaryIO], object], sync: bool = False) -> None:
    """Write a file beside its place and move it there when it is complete.

    Args:
        path: where to.
        write: writes it.
        sync: whether it is to be on the disk when this returns, even where the power fails.

    Raises:
        OSError: when it cannot be written; what was there stays.
    """
    part = _part(path)
    try:
        with part.open("wb") as file:
            write(file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
        if sync and os.name == "posix":  # the name, too
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        part.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Make sure, before minutes of training, that `write_whole` will find its place.

    Raises:
        OSError: when it will not.
    """
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    part = _part(path)
    part.open("wb").close()
    part.unlink()


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part") if path.name else path
