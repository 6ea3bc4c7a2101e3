"""Runs outlive their engine: what a store has of them, and what goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.engine.keeping import SPARKS, sparkline
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.recording.store.store import RunStore


class Server:
    """An engine with a store, which can end and begin anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = RunStore(folder)
        self.engine = LocalEngine(workers=1, store=self.store)

    def again(self) -> None:
        self.end()
        self.store = RunStore(self.folder)
        self.engine = LocalEngine(workers=1, store=self.store)

    def end(self) -> None:
        self.engine.close()
        assert self.store.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("data"))
    yield made
    made.end()


Settle = Callable[..., Any]


def make_steps(engine: LocalEngine, run: str, count: int) -> None:
    goal = engine.view(run).step + count
    end = time.monotonic() + 60
    while engine.view(run).step < goal:
        step = engine.view(run).step
        engine.command(run, "step")
        while engine.view(run).step == step or engine.view(run).status == "training":
            assert time.monotonic() < end, engine.view(run)
            time.sleep(0.005)


def same(one: Any, other: Any) -> None:
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_run_goes_on_in_the_next_server_exactly_as_if_it_had_not_ended(
    server: Server, small: Any, settle: Settle
) -> None:
    whole = server.engine.start(small(steps=40))
    settle(server.engine, whole, "ready")
    server.engine.command(whole, "play")
    wanted = settle(server.engine, whole, "finished")
    run = server.engine.start(small(steps=40), "v")
    settle(server.engine, run, "ready")
    make_steps(server.engine, run, 13)
    before = server.engine.view(run)
    server.again()
    with pytest.raises(UnknownRun):
        server.engine.view(run)
    server.engine.revive(run)
    view = settle(server.engine, run, "paused")
    assert (view.step, view.owner, view.kept_steps) == (13, "v", before.kept_steps)
    assert view.experiment == before.experiment
    same(before.train, view.train)
    same(before.validation, view.validation)
    server.engine.command(run, "play")
    ended = settle(server.engine, run, "finished")
    same(wanted.train, ended.train)
    same(wanted.validation, ended.validation)
    assert ended.step == 40
    server.store.flush()
    np.testing.assert_array_equal(server.store.curve(run, "train")[:, 0], np.arange(1, 41))


def test_a_run_is_kept_from_its_first_step_on(server: Server, small: Any, settle: Settle) -> None:
    run = server.engine.start(small())
    settle(server.engine, run, "ready")
    server.store.flush()
    assert server.store.run(run) is None
    make_steps(server.engine, run, 1)
    server.store.flush()
    kept = server.store.run(run)
    assert kept is not None
    assert (kept.run_id, kept.step, kept.status, kept.metric_name) == (run, 1, "paused", "MSE")
    assert kept.parameters > 0 and kept.best_loss == kept.last_loss and kept.sparkline and kept.versions["torch"]


def test_seconds_of_training_are_kept_with_their_steps(server: Server, small: Any, settle: Settle) -> None:
    run = server.engine.start(small(steps=100_000))
    settle(server.engine, run, "ready")
    for _ in range(2):
        before = len(server.store.curve(run, "clock"))
        server.engine.command(run, "play")
        end = time.monotonic() + 60
        while len(clock := server.store.curve(run, "clock")) < before + 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        server.engine.command(run, "pause")
        settle(server.engine, run, "paused")
        time.sleep(0.5)  # a pause, which does not count
    server.store.flush()
    clock, stored = server.store.curve(run, "clock"), server.store.run(run)
    assert stored is not None and clock[-1, 1] == stored.seconds and clock[-1, 0] <= stored.step
    assert (np.diff(clock, axis=0) > 0).all(), "steps and seconds rise"
    server.engine.command(run, "reset")
    settle(server.engine, run, "ready")
    server.store.flush()
    stored = server.store.run(run)
    assert stored is not None and len(server.store.curve(run, "clock")) == 0 and stored.seconds == 0
    server.engine.command(run, "stop")


def test_reset_forgets_what_was_kept(server: Server, small: Any, settle: Settle) -> None:
    run = server.engine.start(small())
    settle(server.engine, run, "ready")
    make_steps(server.engine, run, 3)
    server.engine.command(run, "reset")
    settle(server.engine, run, "ready")
    make_steps(server.engine, run, 1)
    server.store.flush()
    assert server.store.curve(run, "train")[:, 0].tolist() == [1]
    assert list(server.store.states(run)) == [0, 1]


def test_a_branch_brings_what_was_before_it(server: Server, small: Any, settle: Settle) -> None:
    run = server.engine.start(small())
    settle(server.engine, run, "ready")
    make_steps(server.engine, run, 5)
    branch = server.engine.branch(run, 3, "w")
    settle(server.engine, branch, "paused")
    make_steps(server.engine, branch, 1)
    server.again()
    server.engine.revive(branch)
    view = settle(server.engine, branch, "paused")
    assert (view.step, view.origin, view.owner) == (4, (run, 3), "w")
    assert view.train["step"].tolist() == [1, 2, 3, 4] and view.kept_steps == (0, 1, 2, 3, 4)


def test_nothing_waits_for_a_store_that_cannot_be_written(
    server: Server, small: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes, sync: bool) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(server.store._writer, "_write", full)
    run = server.engine.start(small(steps=30))
    settle(server.engine, run, "ready")
    server.engine.command(run, "play")
    assert settle(server.engine, run, "finished").step == 30
    end = time.monotonic() + 20
    while "disk is full" not in server.store.trouble:
        assert time.monotonic() < end
        time.sleep(0.05)
    monkeypatch.undo()
    assert server.store.flush(30)
    assert server.store.trouble == "" and len(server.store.curve(run, "train")) == 30


def test_a_run_that_is_not_kept_is_unknown(server: Server) -> None:
    with pytest.raises(UnknownRun):
        server.engine.revive("nothing")


def test_a_sparkline_is_short_ends_at_the_end_and_has_only_numbers() -> None:
    assert sparkline(np.array([])) == () and sparkline(np.array([np.nan, np.inf])) == ()
    assert sparkline(np.array([3.0, np.nan, 1.0])) == (3.0, 1.0)
    long = sparkline(np.linspace(5, 1, 1000))
    assert len(long) == SPARKS and long[0] == 5 and long[-1] == 1
