"""Runs outlive their engine: what a store has of them, and what goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_explorer.engine import keeping, run_table, stored_run
from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.engine.keeping import SPARKS, Keeping, sparkline
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.protocol import Update
from rnn_explorer.engine.run_table import Run
from rnn_explorer.engine.stored_run import resume, run_of, stored_entries
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.versions import present
from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory
from rnn_explorer.tasks.user_data import store as user_data

EARLY = "pace=fast&task=digits&train_size=40&hidden_size=12&dense=8&learning_rate=0.03&epochs=40&patience=2"


class Server:
    """An engine with a store, which can end and begin anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begin()

    def again(self) -> None:
        self.end()
        self.begin()

    def begin(self) -> None:
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


def refuse(*_: Any) -> None:
    """A disk without room."""
    raise OSError(28, "No space left on device")


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


def test_a_run_that_trained_comes_back_interrupted_until_it_is_resumed(
    server: Server, small: Any, settle: Settle, wait_for: Any
) -> None:
    run = server.engine.start(small())
    settle(server.engine, run, "ready")
    server.engine.command(run, "play")
    wait_for(lambda: max(server.store.states(run), default=0) > 20)
    server.again()
    assert server.store.flush()
    stored = server.store.run(run)
    assert stored is not None and stored.status == "interrupted"
    ended = int(server.store.curve(run, "train")[-1, 0])
    server.store.change([run], step=ended - 5)  # as a kill leaves it, since states are reported before other things
    assert server.store.flush()
    server.engine.revive(run)
    view = settle(server.engine, run, "interrupted")
    newest = view.kept_steps[-1]
    assert view.step == newest == view.train["step"][-1]
    assert view.message == f"The server ended at step {ended}. {resume(newest, ended)}"
    assert server.store.flush()
    looked_at = server.store.run(run)
    assert looked_at is not None
    again = run_of(server.store, looked_at, stored_entries(server.store, run))
    assert resume(7, 9) == "Press Resume to go on from step 7." and resume(9, 9) == "Press Resume to go on."
    assert (again.status, again.message) == (view.status, view.message), "who only looks at it changes nothing"
    server.engine.command(run, "step")
    view = settle(server.engine, run, "paused")
    assert (view.step, view.message, view.marks) == (newest + 1, "", ())


def test_a_run_that_was_about_to_finish_does_so_when_it_is_resumed(server: Server, small: Any, settle: Settle) -> None:
    run = server.engine.start(small(steps=5))
    settle(server.engine, run, "ready")
    server.engine.command(run, "play")
    finished = settle(server.engine, run, "finished")
    server.engine.command(run, "stop")
    server.store.change([run], status="interrupted", message="", test_loss=None)
    server.engine.revive(run)
    view = settle(server.engine, run, "interrupted")
    assert (view.step, view.test) == (5, None)
    server.engine.command(run, "play")
    view = settle(server.engine, run, "finished")
    assert (view.step, view.target, view.test) == (5, 5, finished.test)
    same(finished.validation, view.validation)


def test_what_a_run_learns_is_on_the_disk_after_about_a_second(
    server: Server, small: Any, settle: Settle, wait_for: Any
) -> None:
    run = server.engine.start(small())
    settle(server.engine, run, "ready")
    server.engine.command(run, "play")
    wait_for(lambda: server.store.run(run) is not None)
    for _ in range(3):
        step, begin = server.engine.view(run).step, time.monotonic()
        wait_for(lambda: len(rows := server.store.curve(run, "train")) and rows[-1, 0] >= step)  # noqa: B023
        assert time.monotonic() - begin < 15, "two, on an idle machine"
    server.engine.command(run, "stop")
    server.engine.revive(run)
    assert "It left the server's memory at step" in settle(server.engine, run, "interrupted").message
    server.engine.command(run, "stop")


def test_a_run_comes_back_as_what_it_was(server: Server, small: Any, settle: Settle) -> None:
    finished = server.engine.start(small(steps=5))
    early = server.engine.start(Experiment.from_query(EARLY))
    wild = dict(cell="rnn", nonlinearity="relu", init="identity", optimizer="sgd", learning_rate=10.0, clip_norm=0.0)
    bad = server.engine.start(small(seq_len=20, **wild))
    reset = server.engine.start(small())
    for run in (finished, early, bad):
        settle(server.engine, run, "ready")
        server.engine.command(run, "play")
    before = [settle(server.engine, run) for run in (finished, early, bad)]
    assert [view.status for view in before] == ["finished", "finished", "diverged"]
    settle(server.engine, reset, "ready")
    make_steps(server.engine, reset, 2)
    server.engine.command(reset, "reset")
    settle(server.engine, reset, "ready")
    server.again()
    for was in before:
        server.engine.revive(was.run_id)
        view = settle(server.engine, was.run_id, was.status)
        assert (view.message, view.step, view.test) == (was.message, was.step, was.test)
        same(was.train, view.train)
    assert "Stopped early" in before[1].message and "Diverged at step" in before[2].message and before[0].test
    server.engine.revive(reset)
    assert settle(server.engine, reset, "ready").step == 0
    server.engine.command(finished, "play")
    assert settle(server.engine, finished, "finished").step == 10


def test_a_run_that_trained_with_something_else_gets_a_mark_where_it_goes_on(
    tmp_path: Path, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path)
    run = Run(small(), 10)
    here, newer = dict(present()), dict(present()) | {"torch": "99.0"}

    def learn(kept: Keeping, run: Run, last: int, anew: bool = False) -> None:
        """The next steps up to one, as a worker reports them."""
        rows = np.array([[step, 1.0, 1.0, 1.0, 1.0] for step in range(1 if anew else run.step + 1, last + 1)])
        about: Any = dict(step=last, steps_per_epoch=5, train=rows, checkpoint=b"state", anew=anew)
        update = Update(run.run_id, run.number, "paused", "", **about)
        run.learn(update, (), b"state")
        kept.learned(run, update)

    def next_server(versions: Mapping[str, str]) -> tuple[Keeping, Run]:
        for module in (keeping, run_table, stored_run):
            monkeypatch.setattr(module, "present", lambda: versions)
        kept = Keeping(store)
        revived = kept.revived(run.run_id)
        assert revived is not None
        kept.rewound(revived)
        return kept, revived

    learn(Keeping(store), run, 2)
    words = f"torch 99.0 (before: {here['torch']})"
    _, view = next_server(newer)
    assert view.marks == ((2, words),)
    assert view.message == f"From here on it trains with {words}: its curve may differ, and a mark in it shows where."
    _, view = next_server(here)
    assert view.marks == () and view.message == "", "nothing was trained with the other one"
    kept, view = next_server(newer)
    learn(kept, view, 4)
    assert next_server(newer)[1].marks == ((2, words),)
    assert view.branch(4, "").marks == ((2, words),)
    view.weight_history = WeightHistory(entries=[HistoryEntry(1, 0.0, b"state")])
    assert view.branch(1, "").marks == ((1, words),), "its first part was trained with the first one"
    kept, view = next_server(here)
    assert view.marks == ((2, words), (4, f"torch {here['torch']} (before: 99.0)"))
    learn(kept, view, 1, anew=True)
    store.flush()
    stored = store.run(run.run_id)
    assert view.marks == () and stored is not None and stored.marks == () and stored.versions == here
    store.close()


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


def test_where_memory_is_short_the_past_is_read_from_the_store(
    server: Server, small: Any, settle: Settle, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = server.engine
    run, other = engine.start(small(), "v"), engine.start(small(), "v")
    for each in (run, other):
        settle(engine, each, "ready")
        make_steps(engine, each, 12)
    before = engine.view(run)
    held = engine._runs[run]
    wait_for(lambda: server.store.flush() and len(held.elsewhere) == 13)
    assert held.weight_history.held == held.weight_history.size
    monkeypatch.setattr(engine._runs, "memory", 1)
    with engine._lock:
        thinned, _ = engine._runs.spare(0)
    assert held in thinned and held.weight_history.held == len(held.checkpoint.state)
    assert engine.view(run).kept_steps == before.kept_steps
    monkeypatch.undo()
    make_steps(engine, run, 1)
    assert server.store.flush() and list(server.store.states(run)) == list(range(14)), "the store keeps the past"
    branch = engine.branch(run, 5, "v")
    settle(engine, branch, "paused")
    make_steps(engine, branch, 2)
    np.testing.assert_array_equal(engine.view(branch).train["loss"], before.train["loss"][:7])


def test_a_past_that_the_disk_did_not_take_goes_where_memory_is_short(
    server: Server, small: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = server.engine
    run = engine.start(small(), "v")
    settle(engine, run, "ready")
    monkeypatch.setattr(server.store._writer, "_transact", refuse)
    make_steps(engine, run, 3)
    assert not engine._runs[run].elsewhere
    monkeypatch.setattr(engine._runs, "memory", 1)
    with engine._lock:
        engine._runs.spare(0)
    assert engine._runs[run].weight_history.steps == (3,)
    monkeypatch.undo()
    assert server.store.flush(30)


TABLE = ("x,y\n" + "\n".join(f"{n * n % 37},{n}" for n in range(300))).encode()


def test_the_users_own_data_are_kept_with_the_runs_on_them(server: Server, small: Any, settle: Settle) -> None:
    token = user_data.put(TABLE, "a.csv")
    about = Experiment.default("own_series").replace(data=token, pace="fast", hidden_size=4, batch_size=8)
    first, second = server.engine.start(about, "v"), server.engine.start(about, "v")
    for run in (first, second):
        settle(server.engine, run, "ready")
        make_steps(server.engine, run, 2)
    was = server.engine.view(first)
    gone = server.engine.start(about, "v")
    settle(server.engine, gone, "ready")
    user_data.drop(token)
    make_steps(server.engine, gone, 1)
    server.again()
    (kept,) = (server.folder / "data").iterdir()
    states = sum(server.store.run(run).bytes for run in (first, second))  # type: ignore[union-attr]
    assert server.store.bytes_of("v") - states >= kept.stat().st_size > 0
    assert server.store.run(gone) is None, "there was nothing left with which it could go on"
    server.engine.revive(first)
    assert user_data.get(token).name == "a.csv", "it is back under its token"
    view = settle(server.engine, first, "paused")
    same(was.train, view.train)
    make_steps(server.engine, first, 1)
    server.store.remove([first])
    assert server.store.flush() and kept.exists()
    server.store.remove([second])
    assert server.store.flush() and not kept.exists()
    user_data.drop_all()


def test_nothing_waits_for_a_store_that_cannot_be_written(
    server: Server, small: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.store._writer, "_write", refuse)
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


def test_what_was_lost_of_a_living_run_is_given_again(
    server: Server, small: Any, settle: Settle, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, store = server.engine, server.store
    run, gone = engine.start(small()), engine.start(small())
    for each in (run, gone):
        settle(engine, each, "ready")
        make_steps(engine, each, 2)
    assert store.flush()
    with monkeypatch.context() as full:
        full.setattr(store._writer, "_transact", refuse)
        full.setattr(store._writer, "_longest", 1)
        for each in (run, gone):
            make_steps(engine, each, 5)
        wait_for(lambda: set(store.lost) == {run, gone})
        engine.command(gone, "stop")
        wait_for(lambda: "disk is full" in store.trouble)
    wait_for(lambda: list(store.lost) == [gone])
    assert store.flush(30)
    assert store.curve(run, "train")[:, 0].tolist() == list(range(1, 8)) and list(store.states(run)) == list(range(8))
    engine.revive(gone)
    view = settle(engine, gone, "paused", "interrupted")
    assert "was lost, since the disk did not take it for too long" in view.message


def test_a_run_that_is_not_kept_is_unknown(server: Server) -> None:
    with pytest.raises(UnknownRun):
        server.engine.revive("nothing")


def test_a_sparkline_is_short_ends_at_the_end_and_has_only_numbers() -> None:
    assert sparkline(np.array([])) == () and sparkline(np.array([np.nan, np.inf])) == ()
    assert sparkline(np.array([3.0, np.nan, 1.0])) == (3.0, 1.0)
    long = sparkline(np.linspace(5, 1, 1000))
    assert len(long) == SPARKS and long[0] == 5 and long[-1] == 1
