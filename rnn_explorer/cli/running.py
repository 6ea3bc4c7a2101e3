"""What the commands do with a model: train it, judge it, ask about it.

Of the command line this module alone imports torch, which takes seconds; a command imports it when all that was typed
has been looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import analyze, check
from rnn_explorer.cli.printing import print_json, tell
from rnn_explorer.cli.screens import JsonScreen, Means, TextScreen
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.recorder import record
from rnn_explorer.recording.trained_run import GrowingFile, TrainedRun
from rnn_explorer.tasks.base import Task
from rnn_explorer.training import StepReport, Trainer

STATUS = {"finished": 0, "diverged": 1, "no_result": 1, "interrupted": 130}


def trainer_of(experiment: Experiment, task: Task) -> Trainer:
    """The trainer of an experiment, for a process that does nothing else."""
    _one_thread()
    return Trainer(experiment, task)


def tell_of(trainer: Trainer) -> None:
    """Say how the data were used, and which of the settings do nothing."""
    tell(trainer.task.notes)
    tell(trainer.experiment.idle().values())
    if trainer.experiment.training.speed_limit:
        tell(["speed_limit has no effect here: the command line trains at full speed."])


def trained(trainer: Trainer, screen: JsonScreen | TextScreen) -> str:
    """Train to the end of the budget; a divergence or early stop is told on standard error.

    Returns:
        How it ended.
    """
    return recorded(TrainedRun(trainer), screen)


def recorded(run: TrainedRun, screen: JsonScreen | TextScreen, path: Path | None = None, with_data: bool = True) -> str:
    """`trained`, with its curves and its past recorded, and written while it trains where there is a run file for them.

    Args:
        run: at step 0.
        screen: shows each report.
        path: of the file; None: none.
        with_data: whether it holds the user's own data, too.
    """
    trainer, means = run.trainer, Means()
    file = None if path is None else GrowingFile(run, path, with_data, _told_once(path))
    opening = trainer.opening()
    run.curves.add(opening)
    screen.report(opening)

    def show(report: StepReport) -> None:
        means.add(report)
        if report.val_loss is not None:
            screen.report(means.take(report))
        screen.progress(report)
        if file is not None:
            run.seconds = time.monotonic() - begin
            run.past.take(trainer)
            file.refresh()

    begin = time.monotonic()
    if file is not None:
        run.past.take(trainer)
        file.refresh()
    status, message = record(trainer, run.curves, show)
    screen.close()
    tell([message] if message else [])
    return status


def _told_once(path: Path) -> Callable[[OSError], None]:
    """Says that a file cannot be written, once, however often that is so."""
    told: set[str] = set()

    def say(error: OSError) -> None:
        sentence = f"{path} cannot be written at present: {error.strerror or error}. The training goes on."
        tell([] if sentence in told else [sentence])
        told.add(sentence)

    return say


def result_of(trainer: Trainer, status: str, seconds: float) -> dict[str, Any]:
    """What the last line of a training says, by name."""
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
        "beats_baseline": metric.beats(test_metric, baseline.metric),
        "seconds": seconds,
        "steps_per_second": trainer.step_count / seconds if seconds else None,
        **_by_column(trainer),
    }


def _by_column(trainer: Trainer) -> dict[str, Any]:
    """The test error of each column and of repeating its last value, where several are forecast."""
    if trainer.task.baseline_by_value("test") is None:
        return {}
    return {"columns": analyze(FrozenModel.of(trainer), "columns", split="test").to_dict()}


def asked(trainer: Trainer, questions: Mapping[str, Mapping[str, Any]], train: bool) -> int:
    """Ask a model, trained before where `train` says so; print the first answer, with the others under their names.

    Returns:
        the exit status.

    Raises:
        UserError: when a question cannot be asked as it is; told before the training.
    """
    _one_thread()
    model = FrozenModel.of(trainer)
    for kind, options in questions.items():
        check(model, kind, **options)
    status = "finished"
    if train:
        tell_of(trainer)
        status = trained(trainer, TextScreen(trainer))
        model = FrozenModel.of(trainer)
    found: dict[str, Any] = {"experiment": trainer.experiment.to_query_string(), "step": trainer.step_count}
    for number, (kind, options) in enumerate(questions.items()):
        record = analyze(model, kind, **options).to_dict()
        found.update({kind: record} if number else record)
    print_json(found)
    return STATUS[status]


def _one_thread() -> None:
    torch.set_num_threads(1)  # for models of this size a second thread costs more than it brings
