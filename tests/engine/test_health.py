"""Workers that stand still, hang, or die quickly: noticed, said, passed over, replaced, and trusted again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_explorer.engine import worker_process
from rnn_explorer.engine.local import LocalEngine
from tests.engine.conftest import ODD

ROOT = Path(worker_process.__file__).parents[2]
UNWELL = "The worker process of this run does not answer"


@pytest.fixture(scope="module")
def two() -> Iterator[LocalEngine]:
    engine = LocalEngine(workers=2)
    yield engine
    engine.close()


@pytest.fixture
def pair(two: LocalEngine) -> Iterator[LocalEngine]:
    """An engine with two workers, which tests here may replace, and without runs."""
    yield two
    for run in list(two._runs.values()):
        two.command(run.run_id, "stop")


def pid_of(engine, run):
    return engine._runs[run].worker.process.pid


def test_a_stopped_worker_is_noticed_passed_over_and_trusted_again(pair, small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(worker_process, "MUTE", 1e9)
    wait_for(lambda: pair.workers_ready() == 2)
    run = pair.start(small())
    settle(pair, run, "ready")
    pid = pid_of(pair, run)
    called = []
    pair.subscribe(run, lambda: called.append(pair.view(run).message))
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: pair.view(run).message.startswith(UNWELL))
        assert any(message.startswith(UNWELL) for message in called), "pages are told"
        assert pair.workers_ready() == 1
        others = [pair.start(small(seed=seed)) for seed in range(1, 7)]
        for other in others:
            assert settle(pair, other).status == "ready"
            assert pid_of(pair, other) != pid
        pair.command(run, "play")  # all of it is known here, so it can be moved
        wait_for(lambda: pair.view(run).step > 10)
        assert pid_of(pair, run) != pid
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: pair.workers_ready() == 2)
    assert pair.view(run).message == ""
    moved = pair.start(small(seed=9))
    settle(pair, moved, "ready")
    assert pid_of(pair, moved) == pid


def test_a_worker_that_stays_stopped_is_replaced(pair, small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(worker_process, "MUTE", 7.0)
    wait_for(lambda: pair.workers_ready() == 2)
    runs = [pair.start(small(seed=seed)) for seed in range(2)]
    for run in runs:
        settle(pair, run, "ready")
        pair.command(run, "play")
    wait_for(lambda: all(pair.view(run).step > 5 for run in runs))
    stopped, neighbor = runs
    pid = pid_of(pair, stopped)
    assert pid_of(pair, neighbor) != pid
    os.kill(pid, signal.SIGSTOP)
    view = settle(pair, stopped, "interrupted")
    assert view.message.startswith(f"The worker of this run stopped answering at step {view.step}. Press Resume")
    assert pair.view(neighbor).status == "training"
    wait_for(lambda: pair.workers_ready() == 2)
    assert pid not in pair.worker_pids()
    pair.command(stopped, "play")
    wait_for(lambda: pair.view(stopped).step > view.step + 10)


def test_a_worker_that_is_stopped_while_it_starts_is_replaced(small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(worker_process, "MUTE_START", 8.0)
    engine = LocalEngine(workers=1)
    try:
        (pid,) = wait_for(engine.worker_pids)
        os.kill(pid, signal.SIGSTOP)
        run = engine.start(small())
        assert settle(engine, run).status == "ready"
        assert pid not in engine.worker_pids()
    finally:
        engine.close()


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEngine]:
    """An engine of its own, since its worker is replaced."""
    monkeypatch.setattr(worker_process, "COMMAND", ODD)
    engine = LocalEngine(workers=1)
    yield engine
    engine.close()


def test_a_worker_that_hangs_is_noticed_though_it_beats(hangs, small, settle, wait_for, monkeypatch):
    engine = hangs
    hanging, neighbor = engine.start(small(seed=77)), engine.start(small(seed=1))
    for run in (hanging, neighbor):
        settle(engine, run, "ready")
    (pid,) = engine.worker_pids()
    monkeypatch.setattr(worker_process, "SLOW", 2.0)
    engine.command(hanging, "play")
    wait_for(lambda: engine.view(neighbor).message.startswith(UNWELL))
    monkeypatch.setattr(worker_process, "STUCK", 3.0)
    for run in (hanging, neighbor):
        assert settle(engine, run, "interrupted").message.startswith("The worker of this run stopped answering")
    engine.command(neighbor, "play")
    wait_for(lambda: engine.view(neighbor).step > 20)
    assert pid not in engine.worker_pids()


PROGRAM = """
import time
from rnn_explorer.engine import worker_process
from rnn_explorer.engine.local import LocalEngine
from tests.engine.conftest import ODD
worker_process.MUTE, worker_process.SILENT = 4.0, 3.0
engine = LocalEngine(workers=1)
while not engine.workers_ready():
    time.sleep(0.01)
print(*engine.worker_pids(), flush=True)
while input():
    print(*engine.worker_pids(), engine._workers[0].trouble, flush=True)
"""


def test_silence_proves_nothing_where_the_engine_itself_stood_still():
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        told = child.stdout.readline()
        both = (child.pid, int(told))
        for pid in both:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5.0)  # as a computer that sleeps
        for pid in both:
            os.kill(pid, signal.SIGCONT)
            time.sleep(1.0)  # the engine wakes first, and finds a worker that was silent for long
        child.stdin.write("what now\n")
        child.stdin.flush()
        assert child.stdout.readline().split() == told.split()
    finally:
        child.kill()
        child.communicate()


def test_after_four_quick_deaths_a_worker_that_is_back_gets_runs_again(pair, small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(worker_process, "BACK_OFF", 0.01)
    place = pair._workers[0]
    wait_for(lambda: place.ready_since is not None and place.deaths == 0)  # whatever was done to it before
    monkeypatch.setattr(worker_process, "SETTLED", 1e9)
    for deaths in range(1, worker_process.GIVE_UP + 1):
        wait_for(lambda: place.process is not None and place.process.poll() is None)
        place.process.kill()
        wait_for(lambda: place.deaths == deaths)  # noqa: B023
    monkeypatch.setattr(worker_process, "SETTLED", 1.0)
    first = [pair.start(small(seed=seed)) for seed in range(2)]
    assert all(pair._runs[run].worker is not place for run in first), "for now"
    wait_for(lambda: place.ready_since is not None and place.deaths == 0)
    later = [pair.start(small(seed=seed)) for seed in range(2, 6)]
    assert any(pair._runs[run].worker is place for run in later)
    for run in (*first, *later):
        assert settle(pair, run).status == "ready"
