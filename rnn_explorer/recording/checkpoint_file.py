"""A run as a file: weights, optimizer, position, experiment and learning curves, in the safetensors format.

The beginning of a file says what it holds. It is read alone first, so that a file that is no checkpoint, or one of a
model that is too large, is refused before it fills memory, and before torch is imported.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.files import write_whole
from rnn_explorer.recording.learning_curves import LearningCurves
from rnn_explorer.recording.safetensors_file import BadHeader, Header, assembled, read_header
from rnn_explorer.settings import SettingError
from rnn_explorer.sizes import parameter_count, work_of

if TYPE_CHECKING:
    from rnn_explorer.training import Trainer

Data = Callable[[], tuple[str, str]]  # keeps a file of the user's own as an upload: its task, and its name there

COPIES = 5  # of the weights in a file: the weights, the best ones, and at most three numbers of the optimizer for each


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
        header = read_header(io.BytesIO(state), len(state))
        state = assembled(header.entries, state[header.end :], curves=curves.to_json())
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
            header = read_header(file, path.stat().st_size)
            experiment = on_data(_settings(header), called, data)
            task = experiment.make_task()
            work_of(experiment, task).check()
            most = most_bytes(header, parameter_count(experiment, task))
            if header.size > most:
                raise UserError(
                    f"{called} has {header.size / 1e6:,.1f} MB, but a model of its experiment takes at most "
                    f"{most / 1e6:,.1f} MB: it is no checkpoint of a run."
                )
            state = assembled(header.entries, file.read(most), experiment=experiment.to_json())
    except BadHeader:
        raise UserError(f"{called} is no checkpoint of a run.") from None
    except OSError as error:
        raise UserError(f"{called} cannot be read: {error.strerror or error}.") from error
    from rnn_explorer.training import Trainer  # torch

    trainer = Trainer(experiment, task)
    try:
        trainer.restore(state)
        return trainer, LearningCurves.from_json(header.metadata.get("curves"))
    except UserError as error:
        raise UserError(f"{called} cannot be used: {error}.") from error


def most_bytes(header: Header, parameters: int) -> int:
    """The most bytes of a file with this header, of a model of so many parameters."""
    return header.end + 4 * (COPIES * parameters + len(header.entries))


def _settings(header: Header) -> dict[str, Any]:
    """The experiment in a file, as it is written there.

    Raises:
        BadHeader: where there is none.
    """
    try:
        found = json.loads(header.metadata["experiment"])
    except (ValueError, KeyError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadHeader("it says nothing of an experiment")
    return found


def on_data(settings: Mapping[str, Any], called: str, data: Data | None) -> Experiment:
    """The experiment of a file, on the data that are there now: uploads have other names in every process.

    Args:
        settings: as the file has them.
        called: what sentences call the file.
        data: gives the data that a model of the user's own data was trained on; None: there are none.

    Raises:
        UserError: for settings that there are not, and where data are missing, too many or for another task.
    """
    try:
        experiment = Experiment.from_dict(settings)
    except SettingError as error:
        raise UserError(f"{called} cannot be used: {error}") from error
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
