"""The channels of a worker without a worker: what becomes due is done, though nothing new happens to the run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from rnn_explorer.engine import channels as serving
from rnn_explorer.engine import viewers as looking
from rnn_explorer.engine.analysis_executor import AnalysisJob
from rnn_explorer.engine.base import Reply
from rnn_explorer.engine.protocol import FrameMade, OpenChannel, WantFrame
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer
from rnn_explorer.views.dynamics.search import PRESENT, SearchRequest
from tests.engine.test_pictures import view_of


class Clock:
    """A clock that only moves when told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return 0.0


class Resting:
    """The channels of one run that rests, its questions, and all that is sent."""

    def __init__(self, clock: Clock, view: str, **chosen: str) -> None:
        trainer = Trainer(Experiment.from_query("task=adding&cell=gru&hidden_size=4"))
        run = view_of(trainer, run_id="run", step=40, kept_steps=(0, 10, 40))
        self.clock, self.snapshot = clock, trainer.snapshot()
        self.asked: list[AnalysisJob] = []
        self.sent: list[Any] = []
        hosted: Any = SimpleNamespace(run_id="run", version=1, others=(), view=lambda: run)
        self.channels = serving.Channels({"run": hosted}, self, self.sent.append)  # type: ignore[arg-type]
        self.channels.handle(OpenChannel("run", 1, view, chosen, "me"))

    def add(self, job: AnalysisJob) -> Callable[[], None]:
        self.asked.append(job)
        return lambda: None

    def rest(self, turns: int = 40) -> None:
        """Sleep until something is due and do it, as the worker's loop does; each frame is taken at once."""
        for _ in range(turns):
            if not self.sent or isinstance(self.sent[-1], FrameMade):
                self.channels.handle(WantFrame("run", 1))
                self.sent.append(None)
            due = self.channels.due()
            if math.isinf(due):
                return
            self.clock.now = max(self.clock.now, due)
            self.channels.work(training=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(looking, "time", made)
    monkeypatch.setattr(serving, "time", made)
    return made


def test_a_search_begins_though_the_run_rests(clock: Clock) -> None:
    resting = Resting(clock, "dynamics", find=SearchRequest(1, PRESENT, 0, "forward", 512, None).write())
    resting.rest()
    assert [job.kind for job in resting.asked] == ["trajectories", "fixed_points"]


def test_a_film_turns_though_the_run_rests(clock: Clock) -> None:
    resting = Resting(clock, "lab", film="4")
    begin = clock.now
    for step in (0, 10, 40):
        resting.rest()
        assert resting.asked[-1].step == step
        resting.asked[-1].callback(Reply(1.0, resting.snapshot, step=step))
    resting.rest()
    assert len(resting.asked) == 3
    assert clock.now - begin == pytest.approx(0.75, abs=0.1)


def test_the_past_is_searched_once_it_is_seen_where_that_was_asked_for(clock: Clock) -> None:
    resting = Resting(clock, "dynamics", at="10", find=SearchRequest(1, 10, 0, "forward", 512, None).write())
    resting.rest()
    assert {(job.kind, job.step) for job in resting.asked} == {("snapshot", 10), ("trajectories", 10)}
    asked = next(job for job in resting.asked if job.kind == "snapshot")
    asked.callback(Reply(1.0, dataclasses.replace(resting.snapshot, step=10), step=10))
    resting.rest()
    assert ("fixed_points", 10) in {(job.kind, job.step) for job in resting.asked}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_frames_keep_to_their_share_of_the_time_while_a_run_trains(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, channels: int, training: bool
) -> None:
    cost = 0.05  # seconds for each frame
    resting = Resting(clock, "lab")
    taken = 0.0

    def look(self: serving.Channel) -> FrameMade:
        nonlocal taken
        taken += cost
        self.wanted = False
        return FrameMade("run", self.number, 1, b"")

    monkeypatch.setattr(serving.Channel, "frame", look)
    monkeypatch.setattr(clock, "thread_time", lambda: taken, raising=False)
    for number in range(2, channels + 1):
        resting.channels.handle(OpenChannel("run", number, "lab", {}, "me"))
    begin = clock.now
    while clock.now < begin + 20:
        for number in range(1, channels + 1):
            resting.channels.handle(WantFrame("run", number))
        resting.channels.work(training)
        clock.now += 0.001
    most = (
        min(channels * serving.SHARE_EACH, serving.SHARE) if training else channels * serving.FRAMES_PER_SECOND * cost
    )
    assert taken / 20 == pytest.approx(most, rel=0.05)
