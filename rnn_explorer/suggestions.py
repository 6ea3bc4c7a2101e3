"""Settings that are worth trying: other values of a setting of a task, and how to overfit and to help against it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import Spec

SMALL_SHARE = 15  # a small training set is about the largest one divided by this
EPOCHS = 60  # enough for a small training set to be learned by heart


def applicable(experiment: Experiment, name: str) -> tuple[Experiment, dict[str, Any]]:
    """The experiment under which a setting of its task has an effect, and what had to be changed for that.

    Args:
        experiment: any.
        name: one of its task's own settings.
    """
    if experiment.applies(name):
        return experiment, {}
    for spec in experiment.task_settings.specs():
        choices: tuple[Any, ...] = (False, True) if spec.kind is bool else spec.choices
        for choice in choices:
            other = experiment.replace(**{spec.name: choice})
            if other.applies(name):
                return other, {spec.name: choice}
    return experiment, {}


def other_value(spec: Spec, default: Any) -> Any:
    """A value that differs clearly from the default, to begin with."""
    if spec.kind is bool:
        return not default
    if spec.kind is str:
        return spec.choices[(spec.choices.index(default) + 1) % len(spec.choices)]
    if spec.kind is tuple or spec.low is None or spec.high is None:
        return default
    if spec.log:
        return small_set(spec)
    value = 2 * default if default and 2 * default <= spec.high else default / 2 if default else spec.high
    return spec.check(max(spec.low, int(value) if spec.kind is int else float(value)))


def small_set(spec: Spec) -> int:
    """A training-set size that a network soon knows by heart: about a fifteenth of the largest, in round numbers."""
    wanted = (spec.high or 0) / SMALL_SHARE
    power = 10 ** max(math.floor(math.log10(max(wanted, 1))), 0)
    return int(max(spec.low or 0, round(wanted / power) * power))


@dataclass(frozen=True)
class Cure:
    """Something that may help against overfitting.

    Attributes:
        label: of its button.
        settings: what it sets, given the experiment.
        without: what takes it back.
        watch: a sentence on what to watch.
    """

    label: str
    settings: Callable[[Experiment], dict[str, Any]]
    without: Mapping[str, Any]
    watch: str

    def on(self, experiment: Experiment) -> bool:
        """Whether it is in effect."""
        return all(experiment.get(name) != value for name, value in self.without.items())


CURES = (
    Cure(
        "and dropout",
        lambda experiment: {"num_layers": max(experiment.model.num_layers, 2), "dropout": 0.5},
        {"dropout": 0.0},
        "**Dropout** lies between recurrent layers, so it takes a second one: half of the first layer's outputs are "
        "zeroed at random while training. Learning by heart takes longer, and the gap often narrows a little; "
        "from one seed to another it may not.",
    ),
    Cure(
        "and weight decay",
        lambda experiment: {"weight_decay": 0.003},
        {"weight_decay": 0.0},
        "**Weight decay** pulls every weight toward zero: the training loss stays higher, and the validation loss "
        "turns later and rises less. Too much of it, and both stay high (try 0.03).",
    ),
    Cure(
        "stop early",
        lambda experiment: {"patience": 5},
        {"patience": 0},
        "**Stopping early**: after five epochs without a lower validation loss training ends by itself, and the "
        "weights of the best epoch are put back. The curve ends shortly after the lowest point of the validation loss.",
    ),
)
