"""A fault of ours ends the run that it happens in: its neighbours, and the worker, go on."""

from __future__ import annotations

import pytest

from rnn_explorer.engine.base import Ask, Reply, Word
from rnn_explorer.engine.local import _Waiting


def test_a_failing_trainer_does_not_hurt_its_neighbour(odd_engine, small, settle, wait_for):
    engine = odd_engine
    neighbour, bad, unborn = (engine.start(small(seed=seed)) for seed in (1, 666, 13))
    for run in (neighbour, bad, unborn):
        engine.command(run, "play")
    view = settle(engine, bad)
    assert (view.status, view.step) == ("failed", 2)
    assert view.train["step"].tolist() == [1, 2]
    assert view.message.startswith("This run failed at step 2")
    assert "made to fail" not in view.message
    view = settle(engine, unborn)
    assert (view.status, view.summary) == ("failed", ())
    assert view.message.startswith("This run failed while it was built")
    step = engine.view(neighbour).step
    wait_for(lambda: engine.view(neighbour).step > step + 20)
    assert engine.view(neighbour).status == "training"
    engine.command(bad, "play")
    assert settle(engine, bad).status == "failed"
    for run, status in ((bad, "ready"), (unborn, "failed")):
        engine.command(run, "reset")
        assert settle(engine, run).status == status


def answer(engine, wait_for, run, kind, **options):
    replies: list[Reply] = []
    engine.ask(run, kind, options, replies.append)
    wait_for(lambda: replies and replies[-1].done)
    return replies[-1]


@pytest.mark.parametrize("seed", [78, 79, 80, 82, 83])
def test_whatever_goes_wrong_in_a_report_ends_one_run(odd_engine, small, settle, wait_for, seed):
    engine = odd_engine
    neighbour, bad = engine.start(small(seed=1)), engine.start(small(seed=seed))
    settle(engine, bad, "ready")
    (pid,) = engine.worker_pids()
    engine.command(neighbour, "play")
    engine.command(bad, "play")
    wait_for(lambda: engine.view(bad).step >= 3 or engine.view(bad).status == "failed")
    engine.command(bad, "pause")  # with a snapshot and a state
    view = settle(engine, bad)
    assert view.status == "failed"
    assert view.message.startswith("This run failed at step ") and "the log has it" in view.message
    assert "made to fail" not in view.message
    step = engine.view(neighbour).step
    wait_for(lambda: engine.view(neighbour).step > step + 20)
    assert engine.view(neighbour).status == "training"
    assert engine.worker_pids() == [pid]
    engine.command(bad, "play")
    assert settle(engine, bad).status == "failed"
    engine.command(bad, "reset")
    assert settle(engine, bad).status == "ready"
    assert engine.worker_pids() == [pid]


def test_a_snapshot_that_cannot_be_read_leaves_the_last_one(odd_engine, small, settle, caplog):
    engine = odd_engine
    run = engine.start(small(seed=81))
    settle(engine, run, "ready")
    for _ in range(4):
        engine.command(run, "step")
    view = settle(engine, run, "paused")
    assert (view.step, view.snapshot.step) == (4, 2)
    assert f"a snapshot of run {run} could not be read" in caplog.text


def test_an_answer_that_cannot_be_read_is_told_as_our_fault(engine, small, settle, caplog):
    run = engine.start(small())
    settle(engine, run, "ready")
    replies: list[Reply] = []
    held = engine._runs[run]
    held.waiting[99] = _Waiting(Ask(run, 99, "snapshot", {}, None), replies.append)
    engine._pass_on(held.worker, Word(run, 99, 1.0, b"no pickle"))
    assert [reply.error[:27] for reply in replies] == ["The answer could not be rea"]
    assert f"an answer about run {run} could not be read" in caplog.text
    engine.command(run, "stop")


def test_a_wrong_option_is_told_in_its_own_words_and_a_fault_of_ours_is_not(engine, small, settle, wait_for):
    run = engine.start(small(cell="lstm"))
    settle(engine, run, "ready")
    wrong = answer(engine, wait_for, run, "what_if", force=[["no_gate", 0, 1.0]])
    assert "is no gate of" in wrong.error
    ours = answer(engine, wait_for, run, "what_if", nonsense=1)
    assert ours.error == "This could not be computed, by a fault of the program; the log has it."
    engine.command(run, "stop")
