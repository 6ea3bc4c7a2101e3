"""Processes that die: workers, engines, trainers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_explorer.engine import worker_process
from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.worker_process import WorkerProcess
from rnn_explorer.training import Trainer


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(workers=1)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """However soon after its start a worker dies here, it is not taken for one that cannot start."""
    monkeypatch.setattr(worker_process, "SETTLED", 0.0)


PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background of a shell ignore it
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment

engine = LocalEngine(workers=1)
if sys.argv[1] == "training":
    run = engine.start(Experiment.default("adding").replace(pace="fast", hidden_size=4, seq_len=5, steps=1_000_000))
    engine.command(run, "play")
    while engine.view(run).step < 3:
        time.sleep(0.01)
while not engine.worker_pids():
    time.sleep(0.01)
print(*engine.worker_pids(), flush=True)
if sys.argv[2] != "exit":
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("when", "end"),
    [
        ("training", "SIGKILL"),
        ("training", "SIGINT"),
        pytest.param("training", "SIGTERM", marks=pytest.mark.long),
        ("starting", "SIGTERM"),
        pytest.param("starting", "exit", marks=pytest.mark.long),
    ],
)
def test_workers_end_with_the_engine_however_it_ends_and_wherever_temporary_files_go(
    when, end, wait_for, alive, tmp_path
):
    root = Path(worker_process.__file__).parents[2]
    folder = tmp_path.joinpath("a" * 100, "b" * 100)  # longer than an address of a Unix socket may be
    folder.mkdir(parents=True)
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, when, end],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root, start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        pids = [int(word) for word in child.stdout.readline().split()]
        assert len(pids) == 1
        if end == "SIGINT":
            os.killpg(child.pid, signal.SIGINT)  # as Ctrl-C does
        elif end != "exit":
            child.send_signal(getattr(signal, end))
        wait_for(lambda: not any(alive(pid) for pid in pids), "the end of the workers")
        _, errors = child.communicate(timeout=10)
        assert errors.count("Traceback") == (1 if end == "SIGINT" else 0), errors  # the program's own, no worker's
        others = ("rnn-explorer-uploads-", "torchinductor_")  # of the store of uploads, and torch's own cache
        assert [path.name for path in folder.iterdir() if not path.name.startswith(others)] == []
    finally:
        child.kill()
        child.wait()


def test_close_ends_everything_quickly_and_may_be_called_twice(small, wait_for, alive):
    engine = LocalEngine(workers=2)
    run = engine.start(small())
    engine.command(run, "play")
    wait_for(lambda: engine.workers_ready() == 2 and engine.view(run).step > 2)
    pids = engine.worker_pids()
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGSTOP)  # a process that does not even answer SIGTERM
    begin = time.monotonic()
    engine.close()
    engine.close()
    assert time.monotonic() - begin < 5
    assert not any(alive(pid) for pid in pids)
    assert not any(thread.is_alive() for thread in engine._threads)
    with pytest.raises(UnknownRun):
        engine.view(run)
    with pytest.raises(RuntimeError, match="closed"):
        engine.start(small())


def test_close_before_the_workers_are_up(alive):
    engine = LocalEngine(workers=2)
    engine.close()
    assert engine.worker_pids() == []


def test_runs_of_a_killed_worker_are_interrupted_and_go_on_exactly(engine, small, settle, wait_for):
    experiment = small("temporal_order", cell="gru", dropout=0.5, num_layers=2, steps=1_000_000)
    run, idle = engine.start(experiment), engine.start(experiment)
    settle(engine, idle, "ready")
    for _ in range(7):
        engine.command(run, "step")
    settle(engine, run, "paused")  # a checkpoint at 7
    engine.command(run, "play")
    wait_for(lambda: engine.view(run).step >= 30)
    old = engine.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    view = settle(engine, run)
    assert view.status == "interrupted"
    died, resumed = (int(number) for number in re.findall(r"step (\d+)", view.message))
    assert view.message.startswith("The worker of this run died at step ")
    assert died == view.step >= 30
    assert 7 <= resumed <= died
    assert view.train["step"].size == view.step  # what was learned stays on the screen

    settle(engine, idle, "interrupted")
    engine.command(run, "pause")  # changes nothing
    assert engine.view(run).status == "interrupted"
    engine.command(run, "play")
    wait_for(lambda: engine.view(run).status == "training" and engine.view(run).step > resumed + 60)
    engine.command(run, "pause")
    view = settle(engine, run)
    assert (view.status, view.message) == ("paused", "")
    assert view.train["step"].tolist() == list(range(1, view.step + 1))
    trainer = Trainer(experiment)
    assert view.train["loss"].tolist() == [trainer.step().train_loss for _ in range(view.step)]
    assert view.validation["step"].tolist() == list(range(0, view.step + 1, 50))

    engine.command(idle, "step")  # without a checkpoint it starts anew
    assert settle(engine, idle, "paused").train["step"].tolist() == [1]
    assert not set(old) & set(engine.worker_pids())
    for name in (run, idle):
        engine.command(name, "stop")


def test_an_interrupted_run_can_be_changed_reset_and_tested(engine, small, settle, wait_for):
    experiment = small(learning_rate=1e-3)
    runs = changed, reset, tested = [engine.start(experiment) for _ in range(3)]
    for run in runs:
        for _ in range(3):
            engine.command(run, "step")
    for run in runs:
        settle(engine, run, "paused")
    for pid in engine.worker_pids():
        os.kill(pid, signal.SIGKILL)
    for run in runs:
        settle(engine, run, "interrupted")

    engine.change(changed, learning_rate=0.02)
    engine.command(changed, "step")
    engine.command(changed, "step")
    view = settle(engine, changed, "paused")
    trainer = Trainer(experiment)
    losses = [trainer.step().train_loss for _ in range(3)]
    trainer.change(learning_rate=0.02)
    losses += [trainer.step().train_loss for _ in range(2)]
    assert view.train["loss"].tolist() == losses

    engine.command(reset, "reset")
    view = settle(engine, reset)
    assert (view.status, view.step, view.train["step"].size) == ("ready", 0, 0)

    engine.command(tested, "test")
    view = wait_for(lambda: engine.view(tested).test and engine.view(tested))
    assert (view.status, view.step, view.train["step"].size) == ("paused", 3, 3)
    for run in runs:
        engine.command(run, "stop")


def test_when_the_worker_dies_viewers_are_told_and_see_the_run_that_goes_on(engine, small, settle, wait_for, watch):
    run = engine.start(small())
    for _ in range(3):
        engine.command(run, "step")
    settle(engine, run, "paused")
    seen = watch(engine, run).until_step(3)
    engine._workers[0].process.kill()
    seen.until(lambda it: it.parts["status"]["status"] == "interrupted")
    assert "The worker of this run died" in seen.parts["status"]["message"]
    files = []
    engine.make_file(run, "lab", {}, "curves", "csv", files.append)
    wait_for(lambda: files)
    assert "worker process of this run died" in files[0].error
    engine.command(run, "play")
    seen.until(lambda it: it.parts["status"]["status"] == "training" and it.parts["status"]["step"] > 3)
    engine.command(run, "stop")


def test_a_worker_that_says_what_cannot_be_read_is_replaced(engine, small, settle, wait_for, caplog):
    run = engine.start(small())
    settle(engine, run, "ready")
    (pid,) = engine.worker_pids()
    ours = engine._workers[0].connection
    real = ours.recv_bytes
    ours.recv_bytes = lambda: b"no message" if real() else b""
    wait_for(lambda: engine.worker_pids() not in ([pid], []))
    assert "sent what cannot be read" in caplog.text
    assert engine.view(run).status == "interrupted"
    engine.command(run, "stop")


def test_workers_that_cannot_start_fail_their_runs_and_recover_later(small, settle, monkeypatch):
    good = worker_process.COMMAND
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-S", "-c", "raise SystemExit(1)"))
    monkeypatch.setattr(worker_process, "BACK_OFF", 0.01)
    monkeypatch.setattr(worker_process, "LONGEST_BACK_OFF", 0.2)
    engine = LocalEngine(workers=1)
    try:
        run = engine.start(small())
        view = settle(engine, run)
        assert view.status == "failed"
        assert view.message.startswith("No worker process could be started")
        engine.command(run, "play")
        assert engine.view(run).status == "failed"
        monkeypatch.setattr(worker_process, "COMMAND", good)
        engine.command(run, "reset")
        settle(engine, run, "ready", "failed")
        while engine.view(run).status == "failed":  # one more of the bad ones may have been on its way
            engine.command(run, "reset")
            settle(engine, run)
        assert engine.view(run).status == "ready"
    finally:
        engine.close()


@pytest.mark.parametrize("times", [2, pytest.param(50, marks=pytest.mark.long)])
def test_a_worker_may_be_killed_many_times_and_all_runs_go_on(engine, small, settle, wait_for, times):
    runs = [engine.start(small(seed=seed)) for seed in range(2)]
    for _ in range(times):
        for run in runs:
            engine.command(run, "play")
        before = {run: engine.view(run).step for run in runs}
        wait_for(lambda: all(engine.view(run).step > before[run] + 20 for run in runs))  # noqa: B023
        for pid in engine.worker_pids():
            os.kill(pid, signal.SIGKILL)
        for run in runs:
            assert settle(engine, run).status == "interrupted"
    for run in runs:
        engine.command(run, "step")
        view = settle(engine, run, "paused")
        trainer = Trainer(view.experiment)
        losses = [trainer.step().train_loss for _ in range(view.step)]
        assert view.train["loss"].tolist() == [losses[step - 1] for step in view.train["step"]]
        engine.command(run, "stop")


def test_deaths_in_a_row_are_followed_by_longer_and_longer_waits(monkeypatch):
    monkeypatch.setattr(WorkerProcess, "_keep_alive", lambda self: None)
    engine = LocalEngine(workers=1)
    (worker,) = engine._workers
    waits = [worker._bury() for _ in range(12)]
    engine.close()
    assert waits[0] == 0.0  # a first death is made good at once
    assert waits[1:4] == [worker_process.BACK_OFF, 2 * worker_process.BACK_OFF, 4 * worker_process.BACK_OFF]
    assert waits[-1] == worker_process.LONGEST_BACK_OFF
