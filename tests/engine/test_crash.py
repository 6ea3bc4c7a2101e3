"""Server and workers are killed at random: nothing that was on the disk is lost or doubled, and each run goes on.

Each curve is compared with that of a trainer that nobody interrupted, bit by bit: a row that is missing, double or of
another way through training shows there.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.training import Trainer
from tests.engine.conftest import DEADLINE
from tests.engine.kept_server import STEPS

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A server to be killed, and what it has said until then."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.kept_server", str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.said += (json.loads(line) for line in lines if line.endswith("\n"))

    def last(self, what: str) -> Any:
        """What it said last of something; {} before it did."""
        return next((words[what] for words in reversed(self.said) if what in words), {})

    def trains(self) -> bool:
        """Whether it has begun to train, and the store knows of it."""
        first = next((words["stored"] for words in self.said if words.get("stored")), None)
        return first is not None and self.last("stored") != first

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(60)
        self._reader.join(10)


@lru_cache(maxsize=8)
def uninterrupted(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The curves of an experiment that is trained in one go."""
    trainer = Trainer(Experiment.from_json(text))
    opening = trainer.opening()
    train, validation = [], [(0, opening.val_loss, opening.val_metric)]
    for report in trainer.run(float("inf")):
        train.append((report.step, report.train_loss, report.train_metric, report.grad_norm, report.applied_norm))
        if report.val_loss is not None:
            validation.append((report.step, report.val_loss, report.val_metric))
    return np.array(train), np.array(validation)


def check(folder: Path, acknowledged: dict[str, tuple[int, int]], rewound: bool) -> dict[str, int]:
    """Look at the store.

    Args:
        folder: it.
        acknowledged: of each run the steps of curve and state that were there before the end.
        rewound: whether a curve may have gone back to its state since.

    Returns:
        The step from which each run goes on.
    """
    store = RunStore(folder)
    with contextlib.closing(store):
        assert store.notice == ""
        newest = {}
        for run in store.runs():
            train, validation = store.curve(run.run_id, "train"), store.curve(run.run_id, "validation")
            whole = uninterrupted(run.experiment)
            np.testing.assert_array_equal(train, whole[0][: len(train)], err_msg="a row is lost, doubled or another")
            np.testing.assert_array_equal(validation, whole[1][: len(validation)])
            states = store.states(run.run_id)
            newest[run.run_id] = max(states)
            row, state = acknowledged.get(run.run_id, (0, 0))
            assert rewound or len(train) >= row, "what was on the disk is lost"
            assert max(states) >= state, "a state that was on the disk is lost"
            assert newest[run.run_id] <= len(train), "it goes on behind the end of its curve"
            assert all(len(store.state(run.run_id, step) or b"") == size for step, (_, size) in states.items())
            assert run.status != "finished" or len(train) == max(states) == STEPS
        count = sum(len(store.states(run)) for run in newest)
        assert len([path for path in folder.rglob("states/*/*")]) == count, "files are left behind"
        assert set(acknowledged) <= set(newest)
        return newest


def kill_often(folder: Path, times: int, seed: int) -> None:
    moments = random.Random(seed)
    newest: dict[str, int] = {}
    for _ in range(times):
        server = Process(folder)
        begin = time.monotonic()
        while not server.trains() and moments.random() > 0.0005:  # seldom it is killed before it gets so far
            assert server.process.poll() is None, "the server ended by itself"
            assert time.monotonic() - begin < DEADLINE, server.said[-3:]
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.8))
        rewound = moments.random() < 0.5
        if rewound and (workers := server.last("workers")):
            os.kill(moments.choice(workers), signal.SIGKILL)
            time.sleep(moments.uniform(0, 4))
        in_order = moments.random() < 0.2
        server.end(signal.SIGTERM if in_order else signal.SIGKILL)
        for run, status, step in (words["revived"] for words in server.said if "revived" in words):
            assert step == newest[run] and (status == "interrupted" or (status == "finished" and step == STEPS))
        assert not in_order or server.process.returncode == 0
        acknowledged = {run: (0, step) for run, step in newest.items()} | server.last("stored")
        newest = check(folder, acknowledged, rewound)
    assert len(newest) >= 2 and max(newest.values()) > 0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"


def test_nothing_is_lost_by_kills_of_servers_and_workers(folder: Path) -> None:
    kill_often(folder, 2, seed=5)


@pytest.mark.long
def test_nothing_is_lost_by_a_hundred_kills_of_servers_and_workers(folder: Path) -> None:
    kill_often(folder, 100, seed=1)
