"""The start of an engine: one worker first, and what is pressed before it is ready."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from rnn_explorer.engine import worker_process
from rnn_explorer.engine.local import LocalEngine

GATED = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
from rnn_explorer.engine import worker
worker.main(sys.argv[2])
"""


def test_the_first_worker_comes_alone_and_no_run_waits_for_another(small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(worker_process, "HEAD_START", 3600.0)
    engine = LocalEngine(workers=3, one_first=True)
    try:
        runs = [engine.start(small(seed=seed)) for seed in range(3)]
        assert {settle(engine, run, "ready").status for run in runs} == {"ready"}
        wait_for(lambda: engine.workers_ready() == 1)  # none, while a busy machine lets it fall silent
        assert len(engine.worker_pids()) == 1
    finally:
        engine.close()
    assert engine.worker_pids() == []


@pytest.mark.parametrize("dies", [False, True])
def test_the_others_follow_when_the_first_is_ready_or_dead(small, wait_for, monkeypatch, dies):
    monkeypatch.setattr(worker_process, "HEAD_START", 0.0)
    engine = LocalEngine(workers=2, one_first=True)
    try:
        (first,) = wait_for(engine.worker_pids)
        if dies:
            os.kill(first, signal.SIGKILL)
        wait_for(lambda: engine.workers_ready() == 2)
        assert (first in engine.worker_pids()) is not dies
    finally:
        engine.close()


def test_what_is_pressed_before_a_worker_is_ready_is_done_then_and_the_sentence_stays_until_then(
    small, wait_for, monkeypatch, tmp_path
):
    gate = tmp_path / "gate"  # the worker starts when this file is there
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-c", GATED, str(gate)))
    engine = LocalEngine(workers=1)
    try:
        run = engine.start(small(steps=100_000))
        sentence = engine.view(run).message
        assert sentence.startswith("Starting PyTorch") and engine.view(run).status == "starting"
        engine.command(run, "play")
        view = engine.view(run)
        assert (view.status, view.message, view.step, view.target) == ("training", sentence, 0, 0)
        gate.touch()
        view = wait_for(lambda: (now := engine.view(run)).step and now.message == "" and now)
        assert view.status == "training"
        engine.command(run, "pause")
        engine.command(run, "reset")
        assert engine.view(run).message == "", "the worker is ready"
    finally:
        engine.close()


def test_who_presses_play_is_not_sent_to_a_worker_that_starts(small, settle, wait_for, monkeypatch):
    monkeypatch.setattr(worker_process, "HEAD_START", 3600.0)
    engine = LocalEngine(workers=2, one_first=True)
    try:
        runs = [engine.start(small(seed=seed)) for seed in range(4)]
        for run in runs:
            settle(engine, run, "ready")
            engine.command(run, "play")
        for run in runs:
            wait_for(lambda run=run: engine.view(run).step)
    finally:
        engine.close()
