"""A run as a file: weights, optimizer, position, experiment and learning curves, in the safetensors format.

The beginning of a file says what it holds. It is read alone first, so that a file that is no checkpoint, or one of a
model that is too large, is refused before it fills memory, and before torch is imported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.files import write_whole
from rnn_explorer.recording.learning_curves import LearningCurves
from rnn_explorer.sizes import parameter_count, work_of

if TYPE_CHECKING:
    from rnn_explorer.training import Trainer

Data = Callable[[], tuple[str, str]]  # keeps a file of the user's own as an upload: its task, and its name there

_LENGTH = 8  # bytes that say how long the header is
_LONGEST = 1_000_000  # bytes of a header; one of four layers takes 10,000, and learning curves up to 300,000
_COPIES = 5  # of the weights in a file: the weights, the best ones, and at most three numbers of the optimizer for each


@dataclass(frozen=True)
class _Header:
    """The beginning of a safetensors file.

    Attributes:
        entries: what it holds by name, with `__metadata__`.
        experiment: its settings by name.
        end: where the numbers begin.
        size: of the whole file.
    """

    entries: dict[str, Any]
    experiment: dict[str, Any]
    end: int
    size: int


def write(path: Path, trainer: Trainer, curves: LearningCurves | None = None) -> None:
    """Write a run, whole or not at all.

    Args:
        path: where to; what is there is replaced.
        trainer: whose weights, optimizer, position and experiment.
        curves: its learning curves; None: none.

    Raises:
        OSError: when it cannot be written.
    """
    state = trainer.state()
    if curves is not None:
        end = _LENGTH + int.from_bytes(state[:_LENGTH], "little")
        state = _assembled(json.loads(state[_LENGTH:end]), state[end:], curves=curves.to_json())
    write_whole(path, lambda file: file.write(state))


def read(path: Path, data: Data | None = None, called: str = "") -> tuple[Trainer, LearningCurves]:
    """A run as `write` wrote it, at the step it had come to.

    Args:
        path: of the file.
        data: gives the data that a model of the user's own data was trained on; None: there are none.
        called: what sentences call the file; "": its path.

    Returns:
        The trainer, and its learning curves: empty ones where the file holds none.

    Raises:
        UserError: when there is no such file, or it is none of these, or its model is too large.
    """
    called = called or str(path)
    try:
        with path.open("rb") as file:
            header = _read_header(file, path, called)
            experiment = _experiment(header, called, data)
            task = experiment.make_task()
            work_of(experiment, task).check()
            most = header.end + 4 * (_COPIES * parameter_count(experiment, task) + len(header.entries))
            if header.size > most:
                raise UserError(
                    f"{called} has {header.size / 1e6:,.1f} MB, but a model of its experiment takes at most "
                    f"{most / 1e6:,.1f} MB: it is no checkpoint of a run."
                )
            state = _assembled(header.entries, file.read(most), experiment=experiment.to_json())
    except OSError as error:
        raise UserError(f"{called} cannot be read: {error.strerror or error}.") from error
    from rnn_explorer.training import Trainer  # torch

    trainer = Trainer(experiment, task)
    try:
        trainer.restore(state)
        return trainer, LearningCurves.from_json(header.entries["__metadata__"].get("curves"))
    except UserError as error:
        raise UserError(f"{called} cannot be used: {error}.") from error


def _read_header(file: BinaryIO, path: Path, called: str) -> _Header:
    size = path.stat().st_size
    length = int.from_bytes(file.read(_LENGTH), "little")
    no_model = UserError(f"{called} is no checkpoint of a run.")
    if not 2 <= length <= min(_LONGEST, size - _LENGTH):
        raise no_model
    try:
        entries = json.loads(file.read(length))
        ends = [_end(entry) for name, entry in entries.items() if name != "__metadata__"]
        experiment = json.loads(entries["__metadata__"]["experiment"])
        if not isinstance(experiment, dict) or _LENGTH + length + max(ends) != size:
            raise no_model
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise no_model from None
    return _Header(entries, experiment, _LENGTH + length, size)


def _end(entry: dict[str, Any]) -> int:
    """Where the numbers of a tensor end, counted from the end of the header."""
    begin, end = entry["data_offsets"]
    bits = int("".join(filter(str.isdecimal, entry["dtype"])))
    if not 0 <= begin <= end or (end - begin) * 8 != math.prod(entry["shape"]) * bits:
        raise ValueError("a tensor of another size")
    return int(end)


def _experiment(header: _Header, called: str, data: Data | None) -> Experiment:
    """The experiment of a file, on the data that are there now: uploads have other names in every process."""
    experiment = Experiment.from_dict(header.experiment)
    if not experiment.task_settings.private:
        if data is not None:
            raise UserError(f"{called} is a model of the task {experiment.task}, which takes no data of your own.")
        return experiment
    if data is None:
        raise UserError(f"{called} is a model of your own data, which it does not hold: give their file, too, as data.")
    task, token = data()
    if task != experiment.task:
        raise UserError(
            f"{called} is a model of the task {experiment.task}, and the data given are for {task}: "
            "give the file that it was trained on."
        )
    return experiment.replace(data=token)


def _assembled(entries: dict[str, Any], numbers: bytes, **metadata: str) -> bytes:
    """A safetensors file of these entries and numbers, with more or other metadata."""
    text = json.dumps({**entries, "__metadata__": {**entries["__metadata__"], **metadata}}).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight
    return len(text).to_bytes(_LENGTH, "little") + text + numbers
