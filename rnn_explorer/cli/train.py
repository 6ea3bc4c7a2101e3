"""The command `train`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from rnn_explorer.cli import data
from rnn_explorer.cli.base import BadInput, checked_task, writable
from rnn_explorer.cli.printing import tell
from rnn_explorer.cli.screens import JsonScreen, TextScreen
from rnn_explorer.experiment import ModelSettings, TrainingSettings
from rnn_explorer.recording.files import write_trace
from rnn_explorer.recording.trained_run import SUFFIX, TrainedRun
from rnn_explorer.settings import Settings, Spec
from rnn_explorer.tasks import TASKS

_WRITTEN = """\
--out writes a numpy .npz file of the probe sequences and of all that happened inside the trained model:
  inputs, targets, lengths    as the task gives them; time steps from a sequence's length on are padding
  answers                     (batch, time, output): the prediction if the sequence ended at that time step
  layer0.forward.hidden       (batch, time, hidden_size): every state and gate by layer, direction and name,
  layer0.forward.forget       such as layer1.backward.update"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train a model",
        description="Train the model of an experiment to the end of its budget, then judge it on the test set.",
        epilog=f"{_query_help()}\n\n{_WRITTEN}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "query", nargs="?", default="", help='the experiment as in a URL: "task=temporal_order&cell=gru"; may be empty'
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object a line: a report for the untrained model and at each validation (train_loss and "
        "train_metric are means since the report before), then one with the result",
    )
    data.add_arguments(parser)
    parser.add_argument("--out", metavar="TRACE.npz", help="write what happens inside the trained model (see below)")
    parser.add_argument(
        "--save",
        metavar="FILE",
        help="FILE.rnnx: the whole run with its past and its curves, written anew every few seconds while it trains, "
        "for the command open and for Open on the pages. FILE.safetensors: the trained model alone. --load of the "
        "commands below reads both",
    )
    parser.add_argument(
        "--no-data", action="store_true", help="leave your own data out of FILE.rnnx, which otherwise holds them, too"
    )
    parser.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> int:
    experiment = data.experiment(args)
    if args.no_data and (args.data is None or args.save is None):
        raise BadInput("--no-data says what --save FILE.rnnx leaves out, so it needs --save and --data.")
    out, save = (writable(getattr(args, name), f"--{name}") for name in ("out", "save"))
    task = checked_task(experiment)
    from rnn_explorer.cli import running  # torch

    trainer = running.trainer_of(experiment, task)
    running.tell_of(trainer)
    screen: JsonScreen | TextScreen = JsonScreen() if args.json else TextScreen(trainer)
    started = time.monotonic()
    run = TrainedRun(trainer)
    growing = save if save is not None and save.suffix == SUFFIX else None
    if growing is not None and experiment.task_settings.private and not args.no_data:
        tell([f"{growing} holds your data, too; --no-data leaves them out."])
    status = running.recorded(run, screen, growing, not args.no_data)
    result = running.result_of(trainer, status, time.monotonic() - started)
    verdict = trainer.verdict(validation=result["val_loss"], test=result["test_loss"])
    if verdict and status == "finished":
        status = result["status"] = "no_result"
        tell([verdict])
    screen.done(result, trainer.summary())
    try:
        what = "trace"
        if out is not None:
            write_trace(out, trainer.snapshot().trace)
        what = "model"
        if save is not None:
            run.save(save, not args.no_data)
    except OSError as error:
        tell([f"the {what} could not be written: {error}"])
        return 1
    return running.STATUS[status]


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
