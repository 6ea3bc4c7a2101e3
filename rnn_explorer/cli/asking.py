"""What the commands share that train or load a model and ask about it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnn_explorer.cli import data
from rnn_explorer.cli.base import BadInput, checked_task
from rnn_explorer.recording import trained_run
from rnn_explorer.settings import Settings, Spec

if TYPE_CHECKING:
    from rnn_explorer.training import Trainer


def command(commands: Any, name: str, short: str, description: str) -> argparse.ArgumentParser:
    """A command that trains or loads a model and asks about it."""
    asking: argparse.ArgumentParser = commands.add_parser(
        name,
        help=short,
        description=f"{description} Trains the model of an experiment first, or loads one; prints one JSON object.",
        epilog="The query's keys are those of the command train.",
    )
    asking.add_argument("query", nargs="?", default="", help="the experiment to train, as in a URL; may be empty")
    asking.add_argument(
        "--load",
        metavar="FILE",
        help="ask about this model, which train --save or Export on the pages has written (.rnnx or .safetensors); one "
        "of your own data needs --data, too, where the file does not hold them",
    )
    data.add_arguments(asking)
    return asking


_SHAPES = {int: "N", float: "X", tuple: "X,X,...", str: "WORD"}  # of a value, in a help text


def add_options(parser: argparse._ActionsContainer, specs: Iterable[Spec]) -> None:
    """Give a command the options of an analysis."""
    for spec in specs:
        name = f"--{spec.name.replace('_', '-')}"
        allowed = spec.allowed[0].upper() + spec.allowed[1:] + (f" ({spec.unit})" if spec.unit else "")
        told = f"{spec.help} {allowed}; {spec.text(spec.default)} if left out."
        if spec.kind is tuple:
            told += f" As in {name}=-1,0,0.5."  # argparse takes a negative number by itself for an option
        parser.add_argument(name, metavar=_SHAPES[spec.kind], help=told.replace("%", "%%"))


def given(told: argparse.Namespace, options: type[Settings]) -> dict[str, Any]:
    """The options that were typed; the analysis knows the defaults of the others.

    Raises:
        SettingError: for one that cannot be used.
    """
    typed = {spec: getattr(told, spec.name) for spec in options.specs()}
    return {spec.name: spec.parse(text) for spec, text in typed.items() if text is not None}


def asked(told: argparse.Namespace, questions: Mapping[str, Mapping[str, Any]]) -> int:
    """Train or load a model and ask it these questions, each with its options; see `running.asked`."""
    if told.load is not None:
        trainer = _loaded(told)
        from rnn_explorer.cli import running  # torch
    else:
        experiment = data.experiment(told)
        task = checked_task(experiment)
        from rnn_explorer.cli import running

        trainer = running.trainer_of(experiment, task)
    return running.asked(trainer, questions, train=told.load is None)


def _loaded(told: argparse.Namespace) -> Trainer:
    """The model of `--load`, on the file of `--data` where it was trained on one.

    Raises:
        UserError: when it cannot be used.
    """
    if told.query:
        raise BadInput("Give a query or --load, not both: the file holds its experiment.")
    for option in data.OPTIONS:
        if getattr(told, option[2:].replace("-", "_")) is not None:
            raise BadInput(f"{option} says what to read of a file, and the model of --load knows that by itself.")
    kept = None if told.data is None else lambda: data.kept(told)
    return trained_run.load(Path(told.load), kept, f"--load {told.load}").trainer
