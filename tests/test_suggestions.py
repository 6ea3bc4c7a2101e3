"""Settings that are worth trying."""

from __future__ import annotations

import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.suggestions import applicable, other_value, small_set
from rnn_explorer.tasks import TASKS


@pytest.mark.parametrize("task", TASKS.names())
def test_a_comparison_begins_with_a_value_that_is_not_the_default(task: str) -> None:
    experiment = Experiment.default(task)
    for spec in experiment.task_settings.specs():
        if spec.is_free_text:
            continue
        other = other_value(spec, experiment.get(spec.name))
        assert spec.check(other) == other and (other != experiment.get(spec.name) or spec.kind is tuple)
        base, how = applicable(experiment, spec.name)
        assert base.applies(spec.name) and base == experiment.replace(**how)


def test_small_training_sets_are_round_numbers() -> None:
    sizes = {task: small_set(TASKS.get(task).settings_class.spec("train_size")) for task in ("digits", "names")}
    assert sizes == {"digits": 100, "names": 500}
