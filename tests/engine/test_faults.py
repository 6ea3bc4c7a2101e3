"""A fault of ours ends the run that it happens in: its neighbors, and the worker, go on."""

from __future__ import annotations

import pytest


def test_a_failing_trainer_does_not_hurt_its_neighbor(odd_engine, small, settle, wait_for):
    engine = odd_engine
    neighbor, bad, unborn = (engine.start(small(seed=seed)) for seed in (1, 666, 13))
    for run in (neighbor, bad, unborn):
        engine.command(run, "play")
    view = settle(engine, bad)
    assert (view.status, view.step) == ("failed", 2)
    assert view.train["step"].tolist() == [1, 2]
    assert view.message.startswith("This run failed at step 2")
    assert "made to fail" not in view.message
    view = settle(engine, unborn)
    assert (view.status, view.summary) == ("failed", ())
    assert view.message.startswith("This run failed while it was built")
    step = engine.view(neighbor).step
    wait_for(lambda: engine.view(neighbor).step > step + 20)
    assert engine.view(neighbor).status == "training"
    engine.command(bad, "play")
    assert settle(engine, bad).status == "failed"
    for run, status in ((bad, "ready"), (unborn, "failed")):
        engine.command(run, "reset")
        assert settle(engine, run).status == status


@pytest.mark.parametrize("seed", [79, 82, 83])
def test_whatever_goes_wrong_in_a_report_ends_one_run(odd_engine, small, settle, wait_for, seed):
    engine = odd_engine
    neighbor, bad = engine.start(small(seed=1)), engine.start(small(seed=seed))
    settle(engine, bad, "ready")
    (pid,) = engine.worker_pids()
    engine.command(neighbor, "play")
    engine.command(bad, "play")
    wait_for(lambda: engine.view(bad).step >= 3 or engine.view(bad).status == "failed")
    engine.command(bad, "pause")  # with a state
    view = settle(engine, bad)
    assert view.status == "failed"
    assert view.message.startswith("This run failed at step ") and "the log has it" in view.message
    assert "made to fail" not in view.message
    step = engine.view(neighbor).step
    wait_for(lambda: engine.view(neighbor).step > step + 20)
    assert engine.view(neighbor).status == "training"
    assert engine.worker_pids() == [pid]
    engine.command(bad, "play")
    assert settle(engine, bad).status == "failed"
    engine.command(bad, "reset")
    assert settle(engine, bad).status == "ready"
    assert engine.worker_pids() == [pid]


def test_what_cannot_be_drawn_is_told_and_hurts_neither_run_nor_neighbor(odd_engine, small, settle, wait_for, watch):
    engine = odd_engine
    neighbor, odd = engine.start(small(seed=1)), engine.start(small(seed=78))
    settle(engine, odd, "ready")
    (pid,) = engine.worker_pids()
    engine.command(neighbor, "play")
    engine.command(odd, "play")
    seen = watch(engine, odd).until(lambda it: it.said("error"))
    assert seen.said("error")[0].endswith("could not be drawn. The log of the server says why.")
    other = watch(engine, neighbor).until(lambda it: it.steps and it.steps[-1] > 20)
    assert not other.said("error")
    wait_for(lambda: engine.view(odd).step > 50)
    assert engine.view(odd).status == "training" and engine.worker_pids() == [pid]
