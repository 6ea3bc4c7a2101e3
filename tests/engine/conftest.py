from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_explorer.engine import worker_process
from rnn_explorer.engine.base import RunView
from rnn_explorer.engine.frames import Grown, unpack
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment

ODD = (sys.executable, str(Path(__file__).with_name("odd_worker.py")))  # command of a worker that does wrong
DEADLINE = 180.0  # seconds; reached only where something is broken: on a busy machine a worker starts within a minute


def _wait_for(condition: Callable[[], Any], what: str = "") -> Any:
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what or condition}"
        time.sleep(0.005)
    return found


class Watcher:
    """Somebody who looks at a run as a browser does: asks for frames, and keeps what they hold.

    Args:
        engine, run: what is looked at.
        view: the key of the view.
        selection: what is chosen.
    """

    def __init__(self, engine: LocalEngine, run: str, view: str = "lab", who: str = "", **selection: str) -> None:
        self.parts: dict[str, Any] = {}
        self.figures: dict[str, dict[str, Any]] = {}
        self.heard: list[tuple[str, Any]] = []
        self.steps: list[int] = []
        self.look = engine.look(run, view, selection, lambda kind, content: self.heard.append((kind, content)), who)
        self._read = 0

    def follow(self) -> Watcher:
        """Take what has come, and ask for more."""
        self.look.ready()
        while self._read < len(self.heard):
            kind, content = self.heard[self._read]
            self._read += 1
            if kind in ("frame", "status"):
                self._merge(unpack(content))
        return self

    def _merge(self, frame: dict[str, Any]) -> None:
        for name, news in frame.pop("figures").items():
            known = self.figures.setdefault(name, {"data": {}})
            known["data"].update(news.pop("data", {}))
            for number, change in news.pop("change", {}).items():
                before = known["data"][number]
                grown = {name: value.after(before[name]) for name, value in change.items() if isinstance(value, Grown)}
                known["data"][number] = {**before, **change, **grown}
            known.update(news)
        self.parts.update(frame)
        self.steps.append(self.parts["status"]["step"])

    def until(self, condition: Callable[[Watcher], Any], what: str = "") -> Watcher:
        """Follow until something holds."""
        _wait_for(lambda: condition(self.follow()), what or "a frame")
        return self

    def until_step(self, step: int) -> Watcher:
        """Follow until the present of this step is seen."""
        return self.until(lambda seen: seen.figures.get("states") and seen.parts["status"]["step"] == step)

    def states(self) -> np.ndarray:
        """(hidden, time) the hidden states of the sequence that is shown, in half precision."""
        return self.figures["states"]["data"]["0"]["z"]

    def said(self, kind: str) -> list[Any]:
        """What came of one kind."""
        return [content for told, content in self.heard if told == kind]


@pytest.fixture
def watch() -> Iterator[Callable[..., Watcher]]:
    """watch(engine, run, "memory", layer="1"): somebody looks at a run."""
    watchers: list[Watcher] = []

    def watch(*about: Any, **selection: str) -> Watcher:
        watchers.append(Watcher(*about, **selection))
        return watchers[-1]

    yield watch
    for watcher in watchers:
        watcher.look.close()


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
        plain: dict[str, Any] = dict(pace="fast", hidden_size=8, batch_size=8, seq_len=10, steps=1_000_000)
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


def _stop_all(engine: LocalEngine) -> None:
    for run in list(engine._runs.values()):
        engine.command(run.run_id, "stop")


@pytest.fixture(scope="session")
def two_workers() -> Iterator[LocalEngine]:
    """An engine for all tests that end no worker: each of its workers takes seconds to import torch."""
    engine = LocalEngine(workers=2)
    yield engine
    engine.close()


@pytest.fixture
def engine(two_workers: LocalEngine) -> Iterator[LocalEngine]:
    """An engine with two workers and without runs."""
    yield two_workers
    _stop_all(two_workers)


@pytest.fixture(scope="session")
def odd_worker() -> Iterator[LocalEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process, "COMMAND", ODD)
        engine = LocalEngine(workers=1)
        _wait_for(engine.workers_ready)
    yield engine
    engine.close()


@pytest.fixture
def odd_engine(odd_worker: LocalEngine) -> Iterator[LocalEngine]:
    """An engine with one worker whose trainers do wrong by their seed, see `odd_worker.py`; without runs."""
    yield odd_worker
    _stop_all(odd_worker)
