"""What takes long in one run leaves its neighbors on the same worker their turns."""

from __future__ import annotations

import pytest

from rnn_explorer.work import ModelTooLarge


def updates_of(engine, run):
    told: list[None] = []
    engine.subscribe(run, lambda: told.append(None))
    return told


def test_a_neighbor_goes_on_while_a_run_is_built_measured_and_tested(odd_engine, small, settle, wait_for):
    engine = odd_engine
    neighbor = engine.start(small(seed=1))
    settle(engine, neighbor, "ready")
    engine.command(neighbor, "play")
    wait_for(lambda: engine.view(neighbor).step > 10)
    told = updates_of(engine, neighbor)

    slow = engine.start(small(seed=90))  # each of its measurements comes in 300 slices
    before = len(told)
    view = settle(engine, slow, "ready")
    assert len(told) >= before + 50, "while it was built"
    assert view.validation["step"].tolist() == [0]

    for _ in range(49):
        engine.command(slow, "step")
    wait_for(lambda: engine.view(slow).step == 49 and engine.view(slow).status == "paused")
    engine.command(slow, "play")
    wait_for(lambda: engine.view(slow).step == 50)
    before = len(told)
    engine.command(slow, "pause")  # is obeyed when the step is whole
    view = settle(engine, slow, "paused")
    assert len(told) >= before + 50, "while it was measured"
    assert (view.step, view.validation["step"].tolist()) == (50, [0, 50])

    before = len(told)
    engine.command(slow, "test")
    wait_for(lambda: engine.view(slow).test)
    assert len(told) >= before + 50, "while it was tested"
    assert engine.view(neighbor).status == "training"


def test_a_batch_size_beyond_the_limit_is_refused_and_nothing_changes(engine, small, settle):
    run = engine.start(small("temporal_order", hidden_size=256, seq_len=100, batch_size=4))
    before = settle(engine, run, "ready")
    with pytest.raises(ModelTooLarge, match="512 sequences x 100 time steps"):
        engine.change(run, batch_size=512, learning_rate=0.5)
    assert engine.view(run).experiment == before.experiment
    engine.change(run, batch_size=2)
    assert engine.view(run).experiment.training.batch_size == 2
