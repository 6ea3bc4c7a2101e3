"""The bytes of all runs together are bounded."""

from __future__ import annotations

import pytest

from rnn_explorer.engine import budget
from rnn_explorer.engine.base import EngineFull, UnknownRun
from rnn_explorer.engine.budget import GB, Ledger, least_bytes, model_bytes, run_bytes
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.run_table import Checkpoint
from rnn_explorer.engine.worker_process import WorkerProcess
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.weight_history import HistoryEntry

MB = 2**20


@pytest.fixture
def still(monkeypatch):
    """An engine without processes, whose runs can be filled by hand."""
    monkeypatch.setattr(WorkerProcess, "_keep_alive", lambda self: None)
    monkeypatch.setattr(LocalEngine, "_tend", lambda self: None)
    engine = LocalEngine(workers=1, memory=64 * MB, glance=0.0)
    yield engine
    engine.close()


def fill(engine, run, entries=4, size=4 * MB):
    """Give a run a past; the newest of its states is its checkpoint, too."""
    held = engine._runs[run]
    for step in range(entries):
        held.weight_history.add(HistoryEntry(step, 0.0, bytes(size)))
    newest = held.weight_history.at(entries - 1)
    held.checkpoint = Checkpoint(newest.state, newest.step, held.train, held.validation)


def spare(engine, wanted):
    """Make room; returns the runs that must go."""
    thinned, gone = engine._runs.spare(wanted)
    engine._changed(*thinned)
    return [run.run_id for run in gone]


def test_a_model_counts_with_all_that_is_kept_beside_its_weights():
    plain = Experiment.default()
    base = model_bytes(0, plain)
    assert model_bytes(1000, plain.replace(optimizer="adam")) - base == 4 * 5 * 1000
    assert model_bytes(1000, plain.replace(optimizer="sgd")) - base == 4 * 4 * 1000
    assert model_bytes(1000, plain.replace(optimizer="sgd", patience=3)) - base == 4 * 5 * 1000


def test_a_state_that_runs_share_counts_once(still, small):
    run = still.start(small())
    fill(still, run)
    alone = run_bytes(still._runs[run])
    assert alone == model_bytes(still._runs[run].parameters, still._runs[run].experiment) + 16 * MB
    branch = still.branch(run, 2)
    runs = [still._runs[run], still._runs[branch]]
    assert run_bytes(*runs) - alone == model_bytes(runs[1].parameters, runs[1].experiment)
    assert least_bytes(runs) == sum(model_bytes(one.parameters, one.experiment) for one in runs) + 8 * MB
    ledger = Ledger(runs)
    ledger.without(runs[0])
    assert ledger.total == run_bytes(runs[1])


def test_the_past_of_what_nobody_looked_at_for_longest_goes_first(still, small):
    runs = [still.start(small(seed=seed)) for seed in range(3)]
    for run in runs:
        fill(still, run)
    leave = still.subscribe(runs[0], lambda: None)
    still.renew(runs[1])  # so that the third was left for longest
    still._runs[runs[2]].last_seen -= 1
    assert spare(still, 0) == spare(still, 16 * MB) == []
    assert [still.view(run).kept_steps for run in runs] == [(0, 1, 2, 3), (0, 1, 2, 3), (3,)]
    assert spare(still, 30 * MB) == []
    assert [still.view(run).kept_steps for run in runs] == [(0, 1, 2, 3), (3,), (3,)]
    leave()


def test_runs_go_when_the_past_is_not_enough_but_none_that_is_watched(still, small):
    watched, left = still.start(small(seed=1)), still.start(small(seed=2))
    fill(still, watched, entries=1, size=20 * MB)
    fill(still, left, entries=1, size=38 * MB)
    leave = still.subscribe(watched, lambda: None)
    third = still.start(small(seed=3))
    fill(still, third, entries=1, size=30 * MB)
    assert spare(still, 5 * MB) == [left]
    still.command(left, "stop")
    hold = still.subscribe(third, lambda: None)
    count = len(still._runs)
    with pytest.raises(EngineFull, match=r"The memory for runs .* is taken by runs that somebody watches"):
        still.start(small(seed=4, hidden_size=256, num_layers=4))
    assert len(still._runs) == count
    leave()
    hold()
    still.start(small(seed=4, hidden_size=256, num_layers=4))
    with pytest.raises(UnknownRun):
        still.view(watched)


def test_ten_of_the_largest_models_do_not_fit(monkeypatch, small):
    monkeypatch.setattr(WorkerProcess, "_keep_alive", lambda self: None)
    engine = LocalEngine(workers=1)
    try:
        assert engine._runs.memory == 2 * GB
        started = 0
        with pytest.raises(EngineFull, match="2 GB"):
            for seed in range(20):
                run = engine.start(small(seed=seed, hidden_size=256, num_layers=4, dense=(1024,) * 4))
                engine.subscribe(run, lambda: None)
                size = 12 * engine._runs[run].parameters  # weights and Adam
                fill(engine, run, entries=2, size=size)
                started += 1
        assert 3 <= started < 20
    finally:
        engine.close()


def test_the_limit_is_kept_while_runs_train(engine, small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(engine._runs, "memory", 24 * MB)
    run = engine.start(small(hidden_size=128, steps=300))
    settle(engine, run, "ready")
    engine.command(run, "play")
    settle(engine, run, "finished")
    wait_for(lambda: run_bytes(engine._runs[run]) <= 24 * MB)
    assert engine.view(run).kept_steps[-1] == 300


def test_the_limit_can_be_said_in_the_environment(monkeypatch):
    monkeypatch.setenv(budget.VARIABLE, "0.5")
    assert budget.memory_limit() == GB // 2
    for wrong in ("much", "-1", "0", "nan", "inf"):
        monkeypatch.setenv(budget.VARIABLE, wrong)
        with pytest.raises(UserError, match=budget.VARIABLE):
            budget.memory_limit()
