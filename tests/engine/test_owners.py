"""Runs belong to who started them, and one visitor's runs leave room for the others'."""

from __future__ import annotations

import pytest

from rnn_explorer.engine.base import EngineFull, NotOwner, UnknownRun
from rnn_explorer.engine.budget import model_bytes
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.run_table import SHARE_EACH


def test_only_the_owner_steers_a_run(engine, small, settle):
    run = engine.start(small(), "anna")
    assert settle(engine, run, "ready").owner == "anna"
    for command in ("play", "pause", "step", "epoch", "reset", "test", "stop"):
        with pytest.raises(NotOwner, match="somebody else"):
            engine.command(run, command, by="bert")
    with pytest.raises(NotOwner):
        engine.change(run, by="bert", learning_rate=0.1)
    view = engine.view(run)
    assert (view.step, view.status) == (0, "ready")
    assert not view.is_of("bert") and view.is_of("anna")
    engine.command(run, "step", by="anna")
    assert settle(engine, run, "paused").step == 1


def test_a_run_of_nobody_is_everybodys(engine, small):
    run = engine.start(small())
    assert engine.view(run).is_of("anna")


def test_a_copy_belongs_to_who_made_it_and_is_no_relative_of_the_original(engine, small, settle):
    run = engine.start(small(), "anna")
    engine.command(run, "step", by="anna")
    settle(engine, run, "paused")
    copy = engine.branch(run, 0, "bert")
    engine.command(copy, "step", by="bert")
    assert settle(engine, copy, "paused").step == 1
    assert engine.family(run) == (run,) and engine.family(copy) == (copy,)
    with pytest.raises(NotOwner):
        engine.command(copy, "stop", by="anna")


def living(engine: LocalEngine, *runs: str) -> list[bool]:
    found = []
    for run in runs:
        try:
            engine.view(run)
            found.append(True)
        except UnknownRun:
            found.append(False)
    return found


def test_one_visitors_runs_are_bounded_and_make_room_among_themselves(engine, small, settle, monkeypatch):
    monkeypatch.setattr(engine._runs, "runs_each", 2)
    first, second = engine.start(small(), "anna"), engine.start(small(), "anna")
    with pytest.raises(EngineFull, match="You have 2 runs"):
        engine.start(small(), "anna")  # both were just looked at
    other = engine.start(small(), "bert")
    engine.command(first, "step")
    settle(engine, first, "paused")
    monkeypatch.setattr(engine._runs, "glance", 0.0)
    third = engine.start(small(), "anna")
    assert living(engine, first, second, third, other) == [True, False, True, True], "the trained one stays"


def test_a_flood_of_untrained_runs_costs_nobody_a_trained_one(engine, small, settle, monkeypatch):
    trained = engine.start(small(), "anna")
    engine.command(trained, "step")
    settle(engine, trained, "paused")
    monkeypatch.setattr(engine._runs, "max_runs", len(engine._runs) + 2)
    monkeypatch.setattr(engine._runs, "glance", 0.0)
    flood = [engine.start(small(), f"visitor {n}") for n in range(8)]
    assert living(engine, trained) == [True]
    assert sum(living(engine, *flood)) == 2


def test_who_has_most_gives_way_first(engine, small, settle, monkeypatch):
    runs = [engine.start(small(), owner) for owner in ("anna", "bert", "bert")]
    for run in runs:
        engine.command(run, "step")
        settle(engine, run, "paused")
    monkeypatch.setattr(engine._runs, "max_runs", len(engine._runs))
    monkeypatch.setattr(engine._runs, "glance", 0.0)
    engine.start(small(), "cora")
    assert living(engine, *runs) == [True, False, True], "anna's is older, but her only one"


def test_an_untouched_run_is_forgotten_sooner(engine, small, settle, wait_for, monkeypatch):
    untouched, trained = engine.start(small()), engine.start(small())
    engine.command(trained, "step")
    settle(engine, trained, "paused")
    monkeypatch.setattr(engine, "keep_untouched", 0.3)
    wait_for(lambda: not living(engine, untouched)[0])
    assert living(engine, trained) == [True]


def test_one_visitors_models_leave_memory_for_the_others(engine, small, monkeypatch):
    first = engine.start(small(hidden_size=8), "anna")
    takes = model_bytes(engine._runs[first].parameters, engine._runs[first].experiment)
    monkeypatch.setattr(engine._runs, "memory", int(1.5 * takes / SHARE_EACH))
    with pytest.raises(EngineFull, match="Your runs may take"):
        engine.start(small(hidden_size=8), "anna")
    other = engine.start(small(hidden_size=8), "bert")
    monkeypatch.setattr(engine._runs, "glance", 0.0)
    second = engine.start(small(hidden_size=8), "anna")
    assert living(engine, first, second, other) == [False, True, True], "her own makes room, once nobody watches it"


def test_a_run_set_aside_goes_before_others_at_once(engine, small, settle, monkeypatch):
    monkeypatch.setattr(engine._runs, "runs_each", 3)
    old, aside, looked_at = (engine.start(small(), "anna") for _ in range(3))
    for run in (old, aside, looked_at):
        engine.command(run, "step")
        settle(engine, run, "paused")
        engine.set_aside(run, by="anna")
    with pytest.raises(NotOwner):
        engine.set_aside(old, by="bert")
    engine.command(old, "step")  # it is wanted again
    look = engine.look(looked_at, "lab", {}, lambda *_: None)
    engine.start(small(), "anna")  # though all were looked at a moment ago
    assert living(engine, old, aside, looked_at) == [True, False, True]
    with pytest.raises(EngineFull):
        engine.start(small(), "anna")
    look.close()
