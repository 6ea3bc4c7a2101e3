"""What is kept for the next time is bounded in bytes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from rnn_explorer.engine import run_host
from rnn_explorer.engine.base import Reply
from rnn_explorer.engine.viewers import AnalysisScheduler
from rnn_explorer.experiment import Experiment
from rnn_explorer.remembered import Remembered, size_of
from rnn_explorer.tasks.base import Task
from rnn_explorer.ui import session
from rnn_explorer.views import AnalysisRequest, AnalysisResult


@dataclass(frozen=True)
class Record:
    array: np.ndarray
    names: tuple[str, ...]


class Plain:
    def __init__(self, **parts):
        vars(self).update(parts)


@pytest.mark.parametrize("make, least", [
    (lambda: np.zeros(1000), 8000), (lambda: "x" * 500, 500), (lambda: {"a" * 300: np.zeros(10)}, 380),
    (lambda: Record(np.zeros(100), ("a", "b" * 200)), 1000), (lambda: Plain(sets={"train": [np.zeros(50)] * 3}), 400),
    (lambda: np.zeros((1000, 10))[:5, :2], 80_000),  # a piece keeps the whole
])  # fmt: skip
def test_bytes_are_counted_through_all_that_a_value_is_made_of(make, least):
    assert least <= size_of(make()) <= least + 700


def test_what_is_in_a_value_twice_counts_once():
    array = np.zeros(1000)
    assert size_of((array, array[:10], array)) < 9000


def test_the_least_recently_used_goes_first_and_what_is_too_large_is_not_kept():
    kept = Remembered(3000)
    for key in "abc":
        kept.put(key, np.zeros(110))  # about 950 bytes
    assert kept.get("a") is not None and kept.size <= 3000
    kept.put("d", np.zeros(110))
    assert [key for key in "abcd" if kept.get(key) is not None] == ["a", "c", "d"]
    kept.put("c", np.zeros(1000))
    assert kept.get("c") is None and len(kept) == 2, "an older value of the same key is void"
    assert kept.get_or("c", lambda: np.ones(3)).sum() == 3 and kept.get_or("c", lambda: 1 / 0).sum() == 3
    kept.forget(lambda key: key == "a")
    assert kept.get("a") is None and kept.get("d") is not None
    kept.forget()
    assert len(kept) == kept.size == 0


def test_many_threads_stay_within_the_limit():
    kept = Remembered(20_000)
    work = [
        threading.Thread(target=lambda n=n: [kept.put((n, i % 7), np.zeros(100)) for i in range(200)]) for n in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert 0 < kept.size <= 20_000


def test_tasks_that_visitors_chose_are_bounded_on_the_server_and_shared_by_who_chose_the_same(monkeypatch):
    monkeypatch.setattr(session, "_tasks", Remembered[Task](3 * 2**20))
    copies = [Experiment.default("copy").replace(seed=seed) for seed in range(6)]  # 1.8 MB each
    built = [session.task_of(experiment) for experiment in copies]
    assert 0 < session._tasks.size <= 3 * 2**20
    assert (
        session.task_of(copies[-1].replace(hidden_size=7)) is built[-1] and session.task_of(copies[0]) is not built[0]
    )
    session.forget_tasks()
    assert session.task_of(copies[-1]) is not built[-1]
    assert session.TASKS_KEPT <= 96 * 2**20


def test_tasks_are_bounded_in_a_worker(monkeypatch):
    monkeypatch.setattr(run_host, "TASKS_KEPT", 3 * 2**20)
    made = run_host.RunHost(lambda message: None, lambda: False)
    built = [made.task(Experiment.default("copy").replace(seed=seed)) for seed in range(6)]
    assert 0 < made._tasks.size <= 3 * 2**20
    assert made.task(Experiment.default("copy").replace(seed=5)) is built[-1]


class Source:
    """Answers at once, with 1,000 bytes."""

    def ask(self, kind, options, callback, step):
        callback(Reply(1.0, np.zeros(125), step=step))
        return lambda: None


def test_answers_about_the_past_are_bounded_for_all_viewers_of_a_worker_together():
    known = Remembered[AnalysisResult](10_000)
    viewers = [AnalysisScheduler(Source(), known) for _ in range(30)]
    for viewer in viewers:
        for step in range(20):
            viewer.want([AnalysisRequest("map", "map")], step, 99)
    assert 0 < known.size <= 10_000
    viewers[-1].close()
    assert not any(key[0] is viewers[-1] for key in known._entries), "who is gone leaves nothing"
