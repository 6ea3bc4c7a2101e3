"""What the commands share in reading what was typed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rnn_explorer.errors import UserError
from rnn_explorer.recording.files import check_writable
from rnn_explorer.settings import shown
from rnn_explorer.sizes import work_of

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.tasks.base import Task


class BadInput(UserError):
    """Something that was typed cannot be used; the message is a sentence."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (see {self.prog} --help)")


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no whole number") from None


def checked_task(experiment: Experiment) -> Task:
    """The task of an experiment, whose model is small enough to be trained here.

    Raises:
        ModelTooLarge: when it is not; found without torch.
    """
    task = experiment.make_task()
    work_of(experiment, task).check()
    return task


def writable(given: str | None, option: str) -> Path | None:
    """The place that was typed for a file, which can be written; None for None."""
    if given is None:
        return None
    path = Path(given)
    try:
        check_writable(path)
    except OSError as error:
        raise BadInput(f"{option} {path} cannot be written: {error.strerror}.") from error
    return path
