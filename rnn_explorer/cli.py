"""The command line: list the tasks and their settings, train without a browser.

Everything it says of tasks and settings is read from their declarations. Exit status: 0 when all went well, 1 when
training diverged, 2 on bad input, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

import numpy as np
import torch

from rnn_explorer import cli_data
from rnn_explorer.experiment import DEFAULT_TASK, Experiment, ModelSettings, TrainingSettings
from rnn_explorer.model import LayerSummary, ModelTooLarge
from rnn_explorer.settings import SettingError, Settings, Spec
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.own.limits import DataError
from rnn_explorer.trace import Trace
from rnn_explorer.training import Diverged, StepReport, Trainer

_BAR = 24  # characters
_REDRAW = 0.1  # seconds between two looks of the progress bar
_WRITTEN = """\
--out writes a numpy .npz file of the probe sequences and of all that happened inside the trained model:
  inputs, targets, lengths    as the task gives them; steps from a sequence's length on are padding
  answers                     (batch, time, output): what the model would say if the sequence ended at that step
  layer0.forward.hidden       (batch, time, hidden_size): every state and gate by layer, direction and name,
  layer0.forward.forget       such as layer1.backward.update"""


class BadInput(Exception):
    """Something that was typed cannot be used; the message is a sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: what was typed after `python -m rnn_explorer`; taken from the process when None.
    """
    torch.set_num_threads(1)  # for models of this size a second thread costs more than it brings
    try:
        told = _parser().parse_args(arguments)
        return told.run(told)
    except (BadInput, SettingError, DataError, ModelTooLarge) as error:
        print(f"rnn_explorer: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m rnn_explorer", description="Train small recurrent networks and look inside.")
    commands = parser.add_subparsers(metavar="command", required=True, parser_class=_Parser)

    tasks = commands.add_parser("tasks", help="list the tasks", description="List the tasks and what each teaches.")
    tasks.add_argument("--json", action="store_true", help="print one JSON array")
    tasks.set_defaults(run=_tasks)

    settings = commands.add_parser(
        "settings",
        help="list a task's settings",
        description="List every setting of a task with its range and default.",
    )
    settings.add_argument("task", nargs="?", default=DEFAULT_TASK, help=f"the task's key; {DEFAULT_TASK} if left out")
    settings.add_argument("--json", action="store_true", help="print one JSON array")
    settings.set_defaults(run=_settings)

    train = commands.add_parser(
        "train",
        help="train a model",
        description="Train the model of an experiment to the end of its budget, then judge it on the test set.",
        epilog=f"{_query_help()}\n\n{_WRITTEN}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument(
        "query", nargs="?", default="", help='the experiment as in a URL: "task=temporal_order&cell=gru"; may be empty'
    )
    train.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object a line: a report for the untrained model and at each validation (train_loss and "
        "train_metric are means since the report before), then one with the result",
    )
    cli_data.add_arguments(train)
    train.add_argument("--out", metavar="TRACE.npz", help="write what happens inside the trained model (see below)")
    train.set_defaults(run=_train)
    return parser


# -- tasks and settings -----------------------------------------------------------------------------------------


def _tasks(told: argparse.Namespace) -> int:
    rows = [
        {"key": key, "title": kind.title, "metric": kind.metric.name, "teaches": kind.teaches, "summary": kind.summary}
        for key, kind in TASKS.items()
    ]
    if told.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        columns = ("key", "title", "metric", "teaches")
        print(_table(columns, [[row[column] for column in columns] for row in rows]))
    return 0


def _settings(told: argparse.Namespace) -> int:
    if told.task not in TASKS:
        raise SettingError("task", told.task, "one of " + ", ".join(TASKS.names()))
    experiment = Experiment.default(told.task)
    rows = [
        {
            "key": spec.name,
            "default": experiment.to_dict()[spec.name],
            "allowed": spec.allowed,
            "unit": spec.unit,
            "live": spec.live,
            "help": spec.help,
        }
        for spec in experiment.specs()
    ]
    if told.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    for spec in experiment.specs():
        unit = f" ({spec.unit})" if spec.unit else ""
        print(f"{spec.name} = {spec.text(experiment.get(spec.name))}    {spec.allowed}{unit}")
        print(textwrap.indent(textwrap.fill(spec.help, _width() - 4, break_on_hyphens=False), "    "))
    return 0


def _query_help() -> str:
    def lines(specs: Sequence[Spec]) -> list[str]:
        return [f"  {spec.name:<17} {spec.allowed}" for spec in specs]

    def own(kind: type[Settings], name: str) -> list[str]:
        return [f"for task={name}:", *lines(kind.specs())] if kind.specs() else []

    return "\n".join(
        [
            "The query's keys, joined by &; what is left out takes the task's default (see the command settings):",
            f"  {'task':<17} one of {', '.join(TASKS.names())}",
            *lines(ModelSettings.specs()),
            *lines(TrainingSettings.specs()),
            *(line for name, kind in TASKS.items() for line in own(kind.settings_class, name)),
        ]
    )


# -- training ---------------------------------------------------------------------------------------------------


def _train(told: argparse.Namespace) -> int:
    experiment = cli_data.experiment(told)
    out = None if told.out is None else _writable(Path(told.out))
    trainer = Trainer(experiment)
    cli_data.tell(trainer.task.notes)
    screen: _JsonScreen | _TextScreen = _JsonScreen() if told.json else _TextScreen(trainer)
    screen.report(trainer.opening())
    status, message = "finished", ""
    means = _Means()
    started = time.monotonic()
    with _interrupts() as interrupted:
        try:
            for report in trainer.run(math.inf):
                means.add(report)
                if report.val_loss is not None:
                    screen.report(means.take(report))
                screen.progress(report)
                if interrupted:
                    status = "interrupted"
                    break
        except Diverged as error:
            status, message = "diverged", str(error)
    seconds = time.monotonic() - started
    screen.close()
    if message:
        print(f"rnn_explorer: {message}", file=sys.stderr)
    screen.done(_result(trainer, status, seconds), trainer.summary())
    if out is not None:
        try:
            write_trace(out, trainer.snapshot().trace)
        except OSError as error:
            print(f"rnn_explorer: the trace could not be written: {error}", file=sys.stderr)
            return 1
    return {"finished": 0, "diverged": 1, "interrupted": 130}[status]


def _result(trainer: Trainer, status: str, seconds: float) -> dict[str, Any]:
    val_loss, val_metric = trainer.evaluate("validation")
    test_loss, test_metric = trainer.evaluate("test")
    return {
        "event": "done",
        "status": status,
        "task": trainer.experiment.task,
        "cell": trainer.experiment.model.cell,
        "steps": trainer.step_count,
        "epochs": trainer.epoch_position(),
        "parameters": trainer.model.parameter_count(),
        "val_loss": val_loss,
        "val_metric": val_metric,
        "test_loss": test_loss,
        "test_metric": test_metric,
        "metric": trainer.task.metric.name,
        "baseline": trainer.task.baseline().metric,
        "seconds": seconds,
        "steps_per_second": trainer.step_count / seconds if seconds else None,
    }


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
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _writable(path: Path) -> Path:
    """Make sure, before minutes of training, that `write_trace` will find its place."""
    part = path.with_name(path.name + ".part") if path.name else path
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        part.open("wb").close()
        part.unlink()
    except OSError as error:
        raise BadInput(f"--out {path} cannot be written: {error.strerror}.") from error
    return path


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of being torn out of an optimizer step; a second one ends the program at once."""
    caught: list[int] = []

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, catch)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


class _Means:
    """Mean loss and metric of the batches since the last report."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float]] = []

    def add(self, report: StepReport) -> None:
        self._rows.append((report.train_loss, report.train_metric))

    def take(self, report: StepReport) -> StepReport:
        """`report` with the means in place of its own batch's numbers."""
        loss, metric = (math.fsum(column) / len(self._rows) for column in zip(*self._rows, strict=True))
        self._rows.clear()
        return dataclasses.replace(report, train_loss=loss, train_metric=metric)


# -- what is printed --------------------------------------------------------------------------------------------


class _JsonScreen:
    """One JSON object a line on standard output."""

    def report(self, report: StepReport) -> None:
        _print_json(
            {
                "event": "report",
                "step": report.step,
                "epoch": report.epoch,
                "train_loss": report.train_loss,
                "val_loss": report.val_loss,
                "train_metric": report.train_metric,
                "val_metric": report.val_metric,
            }
        )

    def progress(self, report: StepReport) -> None:
        pass

    def close(self) -> None:
        pass

    def done(self, result: Mapping[str, Any], summary: Sequence[LayerSummary]) -> None:
        _print_json(result)


class _TextScreen:
    """A progress bar on a terminal, or a line for each validation; tables at the end."""

    def __init__(self, trainer: Trainer, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._goal, self._metric = trainer.target, trainer.task.metric.name
        self._drawn = -math.inf
        self._validation = ""

    def report(self, report: StepReport) -> None:
        self._validation = f"validation loss {_number(report.val_loss)} {self._metric} {_number(report.val_metric)}"
        if not self._live:
            training = "" if math.isnan(report.train_loss) else f"training loss {_number(report.train_loss)}  "
            print(f"step {report.step}/{self._goal}  {training}{self._validation}", file=self._stream, flush=True)

    def progress(self, report: StepReport) -> None:
        now = time.monotonic()
        if not self._live or (now - self._drawn < _REDRAW and report.step < self._goal):
            return
        self._drawn = now
        line = (
            f"[{bar(report.step / self._goal)}] {report.step}/{self._goal}  "
            f"loss {_number(report.train_loss)}  {self._validation}"
        )
        print(f"\r\x1b[2K{line[: _width() - 1]}", end="", file=self._stream, flush=True)

    def close(self) -> None:
        if self._live:
            print(file=self._stream)

    def done(self, result: Mapping[str, Any], summary: Sequence[LayerSummary]) -> None:
        rows = [[row.layer, row.output_shape, f"{row.parameters:,}", f"{row.keras_parameters:,}"] for row in summary]
        totals = [sum(row.parameters for row in summary), sum(row.keras_parameters for row in summary)]
        rows.append(["total", "", *(f"{total:,}" for total in totals)])
        print(_table(("layer", "output", "parameters", "as Keras counts"), rows, right=(2, 3)))
        print()
        shown = {name: value for name, value in result.items() if name != "event"}
        print(_table(("result", ""), [[name, _number(value)] for name, value in shown.items()]))


def bar(share: float) -> str:
    """A progress bar of fixed width for a share from 0 to 1."""
    full = min(max(int(share * _BAR), 0), _BAR)
    return "#" * full + "." * (_BAR - full)


def _print_json(values: Mapping[str, Any]) -> None:
    # JSON knows no NaN and no infinity.
    known = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
    print(json.dumps(known, allow_nan=False), flush=True)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), line(["-" * width for width in widths]), *map(line, rows)])


def _width() -> int:
    return shutil.get_terminal_size().columns
