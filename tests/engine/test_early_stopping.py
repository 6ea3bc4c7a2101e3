"""Runs that stop early because the validation loss has not improved."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer

QUERY = "pace=fast&task=digits&train_size=40&hidden_size=12&dense=8&learning_rate=0.03&epochs=40&patience=2"


@pytest.fixture(scope="module")
def alone() -> Trainer:
    """The same experiment trained here, as far as it goes."""
    trainer = Trainer(Experiment.from_query(QUERY))
    trainer.advance(600)
    assert trainer.stopped_early and trainer.step_count < trainer.target
    return trainer


def test_a_run_stops_early_says_so_and_goes_on_when_asked(engine, settle, alone, watch):
    run = engine.start(Experiment.from_query(QUERY))
    settle(engine, run, "ready")
    engine.command(run, "play")
    view = settle(engine, run)
    assert (view.status, view.step, view.message) == ("finished", alone.step_count, alone.stopped_early)
    assert view.test == alone.evaluate("test"), "of the weights that are kept"
    hidden = alone.snapshot().trace.layer(0).states["hidden"][0]
    np.testing.assert_allclose(watch(engine, run).until_step(view.step).states(), hidden.T, atol=2e-3, rtol=1e-3)
    engine.command(run, "step")
    view = settle(engine, run, "paused")
    assert (view.step, view.message) == (alone.step_count + 1, "")


def test_epochs_and_steps_made_one_by_one_end_there_too(engine, settle, wait_for, alone):
    run = engine.start(Experiment.from_query(QUERY))
    settle(engine, run, "ready")
    for epoch in range(1, alone.epoch):
        engine.command(run, "epoch")
        wait_for(lambda epoch=epoch: engine.view(run).epoch == epoch and engine.view(run).status == "paused")
    engine.command(run, "step")
    settle(engine, run, "paused")
    engine.command(run, "step")
    view = settle(engine, run, "finished")
    assert (view.step, view.message) == (alone.step_count, alone.stopped_early)


def test_a_branch_of_such_a_run_stops_where_it_did(engine, settle, alone):
    run = engine.start(Experiment.from_query(QUERY))
    settle(engine, run, "ready")
    for _ in range(5):  # not at the end of an epoch
        engine.command(run, "step")
    settle(engine, run, "paused")
    branch = engine.branch(run, 5)
    settle(engine, branch, "paused")
    engine.command(branch, "play")
    view = settle(engine, branch, "finished")
    assert (view.step, view.message) == (alone.step_count, alone.stopped_early)


def test_patience_given_up_while_it_trains_lets_it_go_on(engine, settle):
    run = engine.start(Experiment.from_query(QUERY))
    settle(engine, run, "ready")
    engine.change(run, patience=0)
    engine.command(run, "play")
    view = settle(engine, run, "finished")
    assert (view.step, view.message) == (view.target, "")
