"""The command line: list the tasks and their settings, train and ask about a model without a browser.

Everything it says of tasks and settings is read from their declarations. Exit status: 0 when all went well, 1 when
training diverged or its losses are no numbers, 2 on bad input, 3 by a fault of the program, 130 when interrupted.
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
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NoReturn, TextIO

import numpy as np
import torch

from rnn_explorer import cli_data, cli_load
from rnn_explorer.analysis.questions import QUESTIONS, answer
from rnn_explorer.analysis.questions import load as load_questions
from rnn_explorer.analysis.subject import Subject
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import DEFAULT_TASK, Experiment, ModelSettings, TrainingSettings
from rnn_explorer.settings import SettingError, Settings, Spec, shown
from rnn_explorer.sizes import LayerSummary
from rnn_explorer.tasks import TASKS
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


class BadInput(UserError):
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
    except UserError as error:
        cli_data.tell([str(error)])
        return 2
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        traceback.print_exc()
        cli_data.tell(["This is a fault of the program, not of what you typed; the lines above say where."])
        return 3


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
    train.add_argument(
        "--save", metavar="FILE.safetensors", help="write the trained model, for --load of the commands below"
    )
    train.set_defaults(run=_train)
    _memory_parser(commands)
    _fixed_points_parser(commands)
    return parser


def _asking(commands: Any, name: str, short: str, description: str) -> argparse.ArgumentParser:
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
        metavar="FILE.safetensors",
        help="ask about this model, which train --save has written; one of your own data needs --data, too",
    )
    cli_data.add_arguments(asking)
    return asking


def _memory_parser(commands: Any) -> None:
    memory = _asking(
        commands,
        "memory",
        "how far back a model remembers",
        "The gradient through time: norms of the Jacobian product by lag, of the gradient of the loss by every state, "
        "input saliency and what the gates do, for one probe sequence.",
    )
    whole: dict[str, Any] = {"type": _whole, "metavar": "N"}
    memory.add_argument("--sequence", default=0, help="which of the probe sequences, from 0", **whole)
    memory.add_argument("--output", help="the class or value whose saliency is asked for, from 0", **whole)
    memory.add_argument("--time-step", help="the answer after which step, from 1; the last if left out", **whole)
    memory.add_argument("--triangle", action="store_true", help="also the norms for all pairs of steps, of one cell")
    memory.add_argument("--layer", help="of the triangle, from 0", **whole)
    memory.add_argument("--direction", help="of the triangle: forward or backward")
    memory.set_defaults(run=_memory)


def _fixed_points_parser(commands: Any) -> None:
    points = _asking(
        commands,
        "fixed-points",
        "where a model's state can rest",
        "Fixed and slow points of the recurrent map for a constant input, with their eigenvalues.",
    )
    whole: dict[str, Any] = {"type": _whole, "metavar": "N"}
    number: dict[str, Any] = {"type": _number_of, "metavar": "X"}
    points.add_argument("--layer", help="from 0", **whole)
    points.add_argument("--direction", help="forward or backward")
    points.add_argument(
        "--input",
        type=_numbers,
        metavar="X,X,...",
        help="the constant input, as in --input=-1,0,0.5, or the number of a symbol; zeros if left out",
    )
    points.add_argument("--inits", help="initial states of the search", **whole)
    points.add_argument("--noise", help="how far they are moved off the model's own states", **number)
    points.add_argument("--tolerance", help="the largest speed q of a fixed point", **number)
    points.add_argument("--slow-tolerance", help="the largest speed q of a slow point", **number)
    points.add_argument("--max-iterations", help="of each search", **whole)
    points.add_argument("--seed", help="of the initial states", **whole)
    points.set_defaults(run=_fixed_points)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no whole number") from None


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no list of numbers joined by commas") from None


def _number_of(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no number") from None


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
    out, save = (_writable(getattr(told, name), f"--{name}") for name in ("out", "save"))
    trainer = Trainer(experiment)
    _tell_of(trainer)
    screen: _JsonScreen | _TextScreen = _JsonScreen() if told.json else _TextScreen(trainer)
    started = time.monotonic()
    status = _trained(trainer, screen)
    result = _result(trainer, status, time.monotonic() - started)
    verdict = trainer.verdict(validation=result["val_loss"], test=result["test_loss"])
    if verdict and status == "finished":
        status = result["status"] = "no_result"
        cli_data.tell([verdict])
    screen.done(result, trainer.summary())
    try:
        what = "trace"
        if out is not None:
            write_trace(out, trainer.snapshot().trace)
        what = "model"
        if save is not None:
            write_state(save, trainer)
    except OSError as error:
        cli_data.tell([f"the {what} could not be written: {error}"])
        return 1
    return _STATUS[status]


_STATUS = {"finished": 0, "diverged": 1, "no_result": 1, "interrupted": 130}


def _tell_of(trainer: Trainer) -> None:
    """Say how the data were used, and which of the settings do nothing."""
    cli_data.tell(trainer.task.notes)
    cli_data.tell(trainer.experiment.idle().values())
    if trainer.experiment.training.speed_limit:
        cli_data.tell(["speed_limit has no effect here: the command line trains at full speed."])


def _trained(trainer: Trainer, screen: _JsonScreen | _TextScreen) -> str:
    """Train to the end of the budget, and say how it ended; a divergence or early stop is told on standard error."""
    screen.report(trainer.opening())
    status = "finished"
    means = _Means()
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
            message = trainer.stopped_early
        except Diverged as error:
            status, message = "diverged", str(error)
    screen.close()
    cli_data.tell([message] if message else [])
    return status


def _result(trainer: Trainer, status: str, seconds: float) -> dict[str, Any]:
    val_loss, val_metric = trainer.evaluate("validation")
    test_loss, test_metric = trainer.evaluate("test")
    metric, baseline = trainer.task.metric, trainer.task.baseline()
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
        "metric": metric.name,
        "baseline": baseline.metric,
        "baseline_loss": baseline.loss,
        "baseline_how": baseline.how,
        "beats_baseline": _beats(test_metric, baseline.metric, metric.higher_is_better),
        "seconds": seconds,
        "steps_per_second": trainer.step_count / seconds if seconds else None,
        **_by_column(trainer),
    }


def _by_column(trainer: Trainer) -> dict[str, Any]:
    """The test error of each column and of repeating its last value, where several are forecast."""
    if trainer.task.baseline_by_value("test") is None:
        return {}
    load_questions()
    return {"columns": answer(QUESTIONS.get("columns")(Subject.of(trainer), split="test")).to_dict()}


def _beats(metric: float, baseline: float, higher_is_better: bool) -> bool | None:
    """Whether a metric is better than that of the predictor without memory; None where there is nothing to compare."""
    if not (math.isfinite(metric) and math.isfinite(baseline)):
        return None
    return metric > baseline if higher_is_better else metric < baseline


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


def _writable(given: str | None, option: str) -> Path | None:
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


# -- asking -----------------------------------------------------------------------------------------------------


def _memory(told: argparse.Namespace) -> int:
    asked = {"memory": _given(told, "sequence", "output", "time_step")}
    if told.triangle:
        asked["triangle"] = _given(told, "sequence", "layer", "direction")
    elif told.layer is not None or told.direction is not None:
        raise BadInput("--layer and --direction choose the cell of the --triangle; memory itself tells of every cell.")
    return _asked(told, asked)


def _fixed_points(told: argparse.Namespace) -> int:
    names = ("layer", "direction", "input", "inits", "noise", "tolerance", "slow_tolerance", "max_iterations", "seed")
    return _asked(told, {"fixed_points": _given(told, *names)})


def _given(told: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were typed; the question knows the defaults of the others."""
    return {name: getattr(told, name) for name in names if getattr(told, name) is not None}


def _asked(told: argparse.Namespace, asked: Mapping[str, Mapping[str, Any]]) -> int:
    """Train or load a model, ask it, and print what was found: the first answer, the others under their names."""
    load_questions()
    trainer = Trainer(cli_data.experiment(told)) if told.load is None else cli_load.trainer(told)
    _check(trainer, asked)
    if told.load is None:
        _tell_of(trainer)
    status = "finished" if told.load is not None else _trained(trainer, _TextScreen(trainer))
    subject = Subject.of(trainer)
    found: dict[str, Any] = {"experiment": trainer.experiment.to_query_string(), "step": trainer.step_count}
    for number, (kind, options) in enumerate(asked.items()):
        with _sentences():
            record = answer(QUESTIONS.get(kind)(subject, **options)).to_dict()
        found.update({kind: record} if number else record)
    _print_json(found)
    return _STATUS[status]


def _check(trainer: Trainer, asked: Mapping[str, Mapping[str, Any]]) -> None:
    """Have the options judged before minutes of training: a question looks at them before its first report."""
    subject = Subject.of(trainer)
    for kind, options in asked.items():
        question = QUESTIONS.get(kind)(subject, **options)
        with _sentences():
            next(question)
        question.close()


@contextmanager
def _sentences() -> Iterator[None]:
    """What a question objects to is a sentence with its end."""
    try:
        yield
    except UserError as error:
        raise BadInput(f"{str(error).removesuffix('.')}.") from error


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
        hidden = ("event", "columns", "baseline_how", "beats_baseline")  # a table and a sentence say it
        shown = [[name, _number(value)] for name, value in result.items() if name not in hidden]
        print(_table(("result", ""), shown))
        if columns := result.get("columns"):
            print()
            by_column = [[name, *(_number(error) for error in errors.values())] for name, errors in columns.items()]
            print(_table(("column", "test MSE", "repeating the last value"), by_column, right=(1, 2)))
        print(f"\n{textwrap.fill(_against_baseline(result), max(_width() - 1, 40), break_on_hyphens=False)}")


def _against_baseline(result: Mapping[str, Any]) -> str:
    """Whether the model makes use of earlier steps, in words."""
    name, beats = result["metric"], result["beats_baseline"]
    told = f"A predictor without memory, which {result['baseline_how']}, has {name} {_number(result['baseline'])}."
    if beats is None:
        return f"{told} This model's {name} in the test is no number to compare with that."
    better = "better" if beats else "no better: whatever it learnt, it does not show that it remembers"
    return f"{told} This model, with {_number(result['test_metric'])} in the test, is {better}."


def bar(share: float) -> str:
    """A progress bar of fixed width for a share from 0 to 1."""
    full = min(max(int(share * _BAR), 0), _BAR)
    return "#" * full + "." * (_BAR - full)


def _print_json(values: Mapping[str, Any]) -> None:
    print(json.dumps(_known(values), allow_nan=False), flush=True)


def _known(value: Any) -> Any:
    """The same with None for what is no finite number: JSON knows no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {name: _known(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_known(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
