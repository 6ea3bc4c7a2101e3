"""Analyses that a worker computes in slices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rnn_explorer.analysis import registry
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.engine.analysis_executor import AnalysisExecutor, AnalysisJob
from rnn_explorer.engine.base import Reply
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.protocol import KeptState
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer

registry.load()


@pytest.fixture
def run() -> HostedRun:
    run = HostedRun("a", Experiment.from_query("task=adding&cell=lstm&hidden_size=3&seq_len=10"))
    run.trainer = Trainer(run.experiment)
    run.status = "paused"
    return run


class Desk:
    """Inquiries about one run, with what was asked of the engine and what was told."""

    def __init__(self, run: HostedRun) -> None:
        self.wanted: list[tuple[str, int]] = []
        self.executor = AnalysisExecutor({run.run_id: run}, lambda run_id, step: self.wanted.append((run_id, step)))
        self.run = run

    def ask(self, kind: str = "snapshot", step: int | None = None, **options: Any) -> tuple[list[Reply], Any]:
        replies: list[Reply] = []
        return replies, self.executor.add(AnalysisJob(self.run.run_id, kind, options, step, replies.append))

    def work(self) -> None:
        while self.executor:
            self.executor.work(10.0, lambda: False)


def test_an_analysis_is_answered_with_its_step(run: HostedRun) -> None:
    desk = Desk(run)
    run.trainer.step()  # type: ignore[union-attr]
    replies, _ = desk.ask()
    desk.work()
    assert (replies[-1].step, replies[-1].value.step, replies[-1].error) == (1, 1, "")


def test_what_makes_no_sense_is_told_in_words_and_a_fault_of_ours_as_such(run: HostedRun, caplog: Any) -> None:
    desk = Desk(run)
    unknown, faulty, wrong = (
        desk.ask("meaning")[0],
        desk.ask(nonsense=1)[0],
        desk.ask("what_if", clamp=[["no", 0, 1.0]])[0],
    )
    desk.work()
    assert "There is no analysis 'meaning'" in unknown[-1].error
    assert faulty[-1].error == "This could not be computed, by a fault of the program; the log has it."
    assert "nonsense" in caplog.text and "nonsense" not in faulty[-1].error
    assert "is no gate of" in wrong[-1].error


def test_what_is_taken_back_is_not_answered(run: HostedRun) -> None:
    desk = Desk(run)
    silent, take_back = desk.ask()
    heard, _ = desk.ask()
    take_back()
    desk.work()
    assert silent == [] and heard[-1].done


def test_the_past_is_asked_of_the_engine_once_and_seen_as_it_was(run: HostedRun) -> None:
    desk, trainer = Desk(run), run.trainer
    assert trainer is not None
    trainer.step()
    kept = trainer.state()
    trainer.step()
    one, other, gone = desk.ask(step=1)[0], desk.ask("cell_internals", step=1, unit=-1)[0], desk.ask(step=7)[0]
    assert desk.wanted == [("a", 1), ("a", 7)]
    assert not desk.executor, "there is nothing to do before the states come"
    desk.executor.give_state(KeptState("a", 1, kept))
    desk.executor.give_state(KeptState("a", 7, None))
    desk.work()
    assert one[-1].value.step == other[-1].step == 1 and trainer.step_count == 2
    assert gone[-1].error == "Step 7 of this run is not kept (any more); choose another one."


def test_it_waits_for_a_model_that_is_being_built(run: HostedRun) -> None:
    desk, trainer = Desk(run), run.trainer
    run.trainer, run.job = None, iter(())
    replies, _ = desk.ask()
    assert not desk.executor
    run.trainer, run.job = trainer, None
    desk.work()
    assert replies[-1].value is not None


def test_long_ones_take_turns_and_say_how_far_they_are(run: HostedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def slow(subject: Any, name: str) -> Iterator[float]:
        for n in range(3):
            order.append(name)
            yield n / 3
        return name  # type: ignore[return-value]

    monkeypatch.setitem(ANALYSES._entries, "slow", slow)
    desk = Desk(run)
    first, second = desk.ask("slow", name="a")[0], desk.ask("slow", name="b")[0]
    while desk.executor:
        desk.executor.work(0.0, lambda: False)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert (first[0].progress, first[0].done, first[-1].value, second[-1].value) == (0.0, False, "a", "b")
