from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnn_explorer.engine import local
from rnn_explorer.engine.base import RunView
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment

DEADLINE = 60.0  # seconds; reached only where something is broken


def _wait_for(condition: Callable[[], Any], what: str = "") -> Any:
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what or condition}"
        time.sleep(0.005)
    return found


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    return _wait_for


@pytest.fixture(scope="session")
def settle() -> Callable[..., RunView]:
    """settle(engine, run, "paused"): the view once the run has that status (by default: does not start or train)."""

    def settle(engine: LocalEngine, run: str, *statuses: str) -> RunView:
        def condition() -> RunView | None:
            view = engine.view(run)
            there = view.status in statuses if statuses else view.status not in ("starting", "training")
            return view if there else None

        return _wait_for(condition, f"{statuses}, last seen {engine.view(run).status}: {engine.view(run).message}")

    return settle


@pytest.fixture(scope="session")
def small() -> Callable[..., Experiment]:
    """small(seed=3): an experiment of a quick task, with changes."""

    def small(task: str = "adding", **changes: Any) -> Experiment:
        plain: dict[str, Any] = dict(hidden_size=8, batch_size=8, seq_len=10, steps=1_000_000)
        return Experiment.default(task).replace(**{**plain, **changes})

    return small


@pytest.fixture(scope="session")
def alive() -> Callable[[int], bool]:
    def alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):
            return False

    return alive


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(workers=2)
    yield engine
    engine.close()


@pytest.fixture
def odd_engine(monkeypatch) -> Iterator[LocalEngine]:
    """An engine with one worker whose trainers do wrong by their seed, see `odd_worker`."""
    monkeypatch.setattr(local, "_COMMAND", (sys.executable, str(Path(__file__).with_name("odd_worker.py"))))
    engine = LocalEngine(workers=1)
    yield engine
    engine.close()
