from __future__ import annotations

import pickle

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS
from rnn_explorer.training import Trainer
from tests.training.factories import (
    FINITE,
    NAMES,
    STREAM,
    make,
    steps,
)


@pytest.mark.parametrize("query", [FINITE, STREAM, NAMES + "&bidirectional=true", "task=forecast&hidden_size=4"])
def test_a_snapshot_is_frozen(query):
    trainer = make(query)
    steps(trainer, 2)
    snapshot = trainer.snapshot()

    def content() -> bytes:
        return pickle.dumps((snapshot.trace, tuple(snapshot.explanations), snapshot.titles, snapshot.labels))

    before = content()
    steps(trainer, 3)
    trainer.reset()
    assert content() == before
    assert (snapshot.step, snapshot.epoch) == (2, pytest.approx(2 / trainer.steps_per_epoch()))


def test_a_snapshot_shows_the_same_probes_each_time_through_the_present_weights():
    trainer = make(FINITE)
    first = trainer.snapshot()
    again = trainer.snapshot()
    np.testing.assert_array_equal(first.trace.answers, again.trace.answers)
    steps(trainer, 5)
    later = trainer.snapshot()
    np.testing.assert_array_equal(first.trace.inputs, later.trace.inputs)
    assert (first.trace.answers != later.trace.answers).any()
    assert len(later.explanations) == len(later.labels) == len(later.trace.inputs) == 8
    for row, explanation in enumerate(later.explanations):
        assert explanation.correct == (later.trace.answers[row, -1].argmax() == later.trace.targets[row])


@pytest.mark.parametrize("task", [name for name in TASKS.names() if not name.startswith("own_")])
def test_a_title_says_the_same_whatever_the_model_answers(task):
    trainer = Trainer(Experiment.default(task).replace(hidden_size=3))
    snapshot = trainer.snapshot()
    assert snapshot.titles == tuple(told.title for told in snapshot.explanations)
    assert len(snapshot.explanations[1:3]) == 2 and snapshot.explanations[-1].title == snapshot.titles[-1]
