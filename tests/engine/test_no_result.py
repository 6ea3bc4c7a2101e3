"""A training whose losses are no numbers ends with a sentence, not as finished."""

from __future__ import annotations

import math

import pytest

from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.run_host import RunHost
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer


@pytest.fixture
def run() -> HostedRun:
    run = HostedRun("a run", Experiment.from_query("task=forecast&hidden_size=4&steps=3"))
    run.trainer = Trainer(run.experiment)
    run.status = "training"
    return run


@pytest.mark.parametrize(
    "validation, test, status",
    [
        ((0.1, 0.1), (0.2, 0.2), "finished"),
        ((0.1, 0.1), (math.nan, math.nan), "diverged"),
        ((math.inf, 0.1), (0.2, 0.2), "diverged"),
    ],
)
def test_only_numbers_are_a_result(run, validation, test, status):
    host = RunHost(lambda message: None, lambda: False)
    host.conclude(run, validation, test)
    assert run.status == status
    assert run.message.startswith("No result: the ") == (status == "diverged")
