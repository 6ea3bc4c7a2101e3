"""What the commands do with a model: train it, judge it, ask about it.

Of the command line this module alone imports torch, which takes seconds; a command imports it when all that was typed
has been looked at.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES, answer
from rnn_explorer.analysis.registry import load as load_questions
from rnn_explorer.cli.base import BadInput
from rnn_explorer.cli.printing import print_json, tell
from rnn_explorer.cli.screens import JsonScreen, Means, TextScreen
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import Task
from rnn_explorer.training import Diverged, Trainer

STATUS = {"finished": 0, "diverged": 1, "no_result": 1, "interrupted": 130}


def trainer_of(experiment: Experiment, task: Task) -> Trainer:
    """The trainer of an experiment, for a process that does nothing else."""
    torch.set_num_threads(1)  # for models of this size a second thread costs more than it brings
    return Trainer(experiment, task)


def tell_of(trainer: Trainer) -> None:
    """Say how the data were used, and which of the settings do nothing."""
    tell(trainer.task.notes)
    tell(trainer.experiment.idle().values())
    if trainer.experiment.training.speed_limit:
        tell(["speed_limit has no effect here: the command line trains at full speed."])


def trained(trainer: Trainer, screen: JsonScreen | TextScreen) -> str:
    """Train to the end of the budget, and say how it ended; a divergence or early stop is told on standard error."""
    screen.report(trainer.opening())
    status = "finished"
    means = Means()
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
    tell([message] if message else [])
    return status


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
        "beats_baseline": beats(test_metric, baseline.metric, metric.higher_is_better),
        "seconds": seconds,
        "steps_per_second": trainer.step_count / seconds if seconds else None,
        **_by_column(trainer),
    }


def _by_column(trainer: Trainer) -> dict[str, Any]:
    """The test error of each column and of repeating its last value, where several are forecast."""
    if trainer.task.baseline_by_value("test") is None:
        return {}
    load_questions()
    return {"columns": answer(ANALYSES.get("columns")(FrozenModel.of(trainer), split="test")).to_dict()}


def beats(metric: float, baseline: float, higher_is_better: bool) -> bool | None:
    """Whether a metric is better than that of the memoryless baseline; None where there is nothing to compare."""
    if not (math.isfinite(metric) and math.isfinite(baseline)):
        return None
    return metric > baseline if higher_is_better else metric < baseline


def asked(trainer: Trainer, questions: Mapping[str, Mapping[str, Any]], train: bool) -> int:
    """Ask a model, trained before where `train` says so; print the first answer, with the others under their names.

    Returns:
        the exit status.

    Raises:
        UserError: when a question cannot be asked as it is; told before the training.
    """
    load_questions()
    _check(trainer, questions)
    if train:
        tell_of(trainer)
    status = trained(trainer, TextScreen(trainer)) if train else "finished"
    subject = FrozenModel.of(trainer)
    found: dict[str, Any] = {"experiment": trainer.experiment.to_query_string(), "step": trainer.step_count}
    for number, (kind, options) in enumerate(questions.items()):
        with _sentences():
            record = answer(ANALYSES.get(kind)(subject, **options)).to_dict()
        found.update({kind: record} if number else record)
    print_json(found)
    return STATUS[status]


def _check(trainer: Trainer, questions: Mapping[str, Mapping[str, Any]]) -> None:
    """Have the options judged before minutes of training: a question looks at them before its first report."""
    subject = FrozenModel.of(trainer)
    for kind, options in questions.items():
        question = ANALYSES.get(kind)(subject, **options)
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
