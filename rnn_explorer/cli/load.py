"""The command line's part on saved models: `--load FILE`.

The beginning of a file says what it holds. It is read alone first, so that a file that is no model, or one of a model
that is too large, is refused before it fills memory.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rnn_explorer.cli import data
from rnn_explorer.cli.base import checked_task
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.sizes import parameter_count

if TYPE_CHECKING:
    from rnn_explorer.training import Trainer

_LENGTH = 8  # bytes that say how long the header is
_LONGEST = 1_000_000  # bytes of a header; one of four layers takes 10,000
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


def trainer(told: argparse.Namespace) -> Trainer:
    """The model of `--load`, on the file of `--data` where it was trained on one.

    Raises:
        UserError: when it cannot be used.
    """
    if told.query:
        raise UserError("Give a query or --load, not both: the file holds its experiment.")
    for option in data.OPTIONS:
        if getattr(told, option[2:].replace("-", "_")) is not None:
            raise UserError(f"{option} says what to read of a file, and the model of --load knows that by itself.")
    return read_state(Path(told.load), told)


def read_state(path: Path, told: argparse.Namespace | None = None) -> Trainer:
    """The trainer that `files.write_state` wrote, at the step it had come to.

    Args:
        path: of the file.
        told: the options that say where its data are, for a model of somebody's own data.

    Raises:
        UserError: when there is no such file, or it is none of these, or its model is too large.
    """
    try:
        with path.open("rb") as file:
            header = _read_header(file, path)
            experiment = _experiment(header, path, told)
            task = checked_task(experiment)
            most = header.end + 4 * (_COPIES * parameter_count(experiment, task) + len(header.entries))
            if header.size > most:
                raise UserError(
                    f"--load {path} has {header.size / 1e6:,.1f} MB, but a model of its experiment takes at most "
                    f"{most / 1e6:,.1f} MB: it is no file that train --save has written."
                )
            state = _with_experiment(header, experiment, file.read(most))
    except OSError as error:
        raise UserError(f"--load {path} cannot be read: {error.strerror or error}.") from error
    from rnn_explorer.cli.running import trainer_of  # torch

    loaded = trainer_of(experiment, task)
    try:
        loaded.restore(state)
    except UserError as error:
        raise UserError(f"--load {path} cannot be used: {error}.") from error
    return loaded


def _read_header(file: BinaryIO, path: Path) -> _Header:
    size = path.stat().st_size
    length = int.from_bytes(file.read(_LENGTH), "little")
    no_model = UserError(f"--load {path} is no model that train --save has written.")
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


def _experiment(header: _Header, path: Path, told: argparse.Namespace | None) -> Experiment:
    """The experiment of a file, on the data that are there now."""
    experiment = Experiment.from_dict(header.experiment)
    file = None if told is None else told.data
    if not experiment.task_settings.private:
        if file is not None:
            raise UserError(f"--load {path} is a model of the task {experiment.task}, which takes no --data.")
        return experiment
    if told is None or file is None:
        raise UserError(
            f"--load {path} is a model of your own data, which it does not hold: give them with --data FILE."
        )
    task, token = data.kept(told)
    if task != experiment.task:
        raise UserError(
            f"--load {path} is a model of the task {experiment.task}, and --data {file} is for {task}: "
            "give the file that it was trained on."
        )
    return experiment.replace(data=token)


def _with_experiment(header: _Header, experiment: Experiment, numbers: bytes) -> bytes:
    """The file with another experiment in its header: uploads have other names in every process."""
    about = {**header.entries["__metadata__"], "experiment": experiment.to_json()}
    text = json.dumps({**header.entries, "__metadata__": about}).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight
    return len(text).to_bytes(_LENGTH, "little") + text + numbers
