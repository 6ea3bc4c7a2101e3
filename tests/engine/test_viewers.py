"""Looking at a run without a server: past and present, films, and questions that are asked when they are due."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.engine import viewers as looking
from rnn_explorer.engine.base import Reply, RunView
from rnn_explorer.engine.viewers import AnalysisScheduler, Viewer
from rnn_explorer.experiment import Experiment
from rnn_explorer.registry import UnknownName
from rnn_explorer.training import Trainer
from rnn_explorer.views.base import AnalysisRequest
from tests.engine.test_pictures import view_of


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(looking, "time", made)
    return made


class FakeSource:
    """Holds a view and notes what is asked; a test answers."""

    def __init__(self, run: RunView | None = None, *others: Mapping[str, Any]) -> None:
        self.run, self.branches = run, others
        self.asked: list[tuple[str, dict[str, Any], int | None]] = []
        self.callbacks: list[Callable[[Reply], None]] = []
        self.taken_back: list[int] = []

    def view(self) -> RunView:
        assert self.run is not None
        return self.run

    def others(self) -> tuple[Mapping[str, Any], ...]:
        return self.branches

    def ask(
        self, kind: str, options: Mapping[str, Any], callback: Callable[[Reply], None], step: int | None
    ) -> Callable[[], None]:
        number = len(self.asked)
        self.asked.append((kind, dict(options), step))
        self.callbacks.append(callback)
        return lambda: self.taken_back.append(number)

    def reply(self, value: Any = "answer", step: int = 0, number: int = -1, **more: Any) -> None:
        self.callbacks[number](Reply(1.0, value, step=step, **more))


def asker(engine: FakeSource) -> AnalysisScheduler:
    return AnalysisScheduler(engine)


QUICK = AnalysisRequest("deep", "memory", {"layer": 0}, every=0.5)


def test_a_question_is_asked_once_and_again_when_the_model_has_moved(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    assert asks.want([QUICK], None, 10)["deep"].pending
    asks.want([QUICK], None, 11)
    assert len(engine.asked) == 1, "the first answer is still on its way"
    clock.now += 0.1
    engine.reply("first", 10)
    answer = asks.want([QUICK], None, 10)["deep"]
    assert (answer.value, answer.step, answer.pending) == ("first", 10, False)
    clock.now += 0.3
    asks.want([QUICK], None, 12)
    assert len(engine.asked) == 1 and asks.next_due - clock.now == pytest.approx(0.1)
    clock.now += 0.11
    asks.want([QUICK], None, 12)
    assert len(engine.asked) == 2
    assert asks.want([QUICK], None, 12)["deep"].value == "first", "it stays until there is a newer one"


def test_what_takes_long_is_asked_less_often(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    asks.want([QUICK], None, 1)
    clock.now += 2.0
    engine.reply()
    asks.want([QUICK], None, 2)
    assert len(engine.asked) == 1
    clock.now += 6.1  # four times as long as it took, from the beginning on
    asks.want([QUICK], None, 2)
    assert len(engine.asked) == 2


def test_other_options_or_another_key_ask_at_once_and_take_the_old_question_back(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    asks.want([QUICK], None, 1)
    asks.want([AnalysisRequest("deep", "memory", {"layer": 1})], None, 1)
    assert (len(engine.asked), engine.taken_back) == (2, [0])
    engine.reply("too late", number=0)
    assert asks.want([AnalysisRequest("deep", "memory", {"layer": 1})], None, 1)["deep"].value is None
    engine.reply("right")
    asks.want([AnalysisRequest("deep", "memory", {"layer": 1}, key="pressed")], None, 1)
    assert len(engine.asked) == 3
    asks.want([], None, 1)
    assert engine.taken_back == [0, 2], "nobody wants it any more"


def test_a_question_that_does_not_follow_is_asked_by_hand_only(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    by_hand = AnalysisRequest("search", "fixed_points", every=math.inf)
    asks.want([by_hand], None, 1)
    engine.reply()
    clock.now += 1e6
    asks.want([by_hand], None, 500)
    assert len(engine.asked) == 1


def test_what_takes_long_waits_until_the_slider_rests(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    slow = AnalysisRequest("search", "fixed_points", settle=0.4)
    for step in (5, 6, 7):
        asks.want([slow], step, 90)
        clock.now += 0.2
    assert engine.asked == [] and not asks.settled()
    clock.now += 0.3
    asks.want([slow], 7, 90)
    assert engine.asked == [("fixed_points", {}, 7)]


def test_answers_about_the_past_are_remembered(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    for step in (3, 4):
        asks.want([QUICK], step, 90)
        engine.reply(f"of {step}", step)
    answer = asks.want([QUICK], 3, 90)["deep"]
    assert (answer.value, answer.pending, len(engine.asked)) == ("of 3", False, 2)
    asks.forget()
    asks.want([QUICK], 3, 90)
    assert len(engine.asked) == 3


def test_an_error_is_kept_beside_the_last_answer(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    asks.want([QUICK], None, 1)
    engine.reply("good")
    asks.want([AnalysisRequest("deep", "memory", {"layer": 9})], None, 1)
    engine.reply(None, error="layer is 9, but this model has one")
    answer = asks.want([AnalysisRequest("deep", "memory", {"layer": 9})], None, 1)["deep"]
    assert (answer.value, answer.error, answer.pending) == ("good", "layer is 9, but this model has one", False)
    assert asks.settled()


def test_a_canceled_question_is_not_asked_again_until_something_changes(clock: Clock) -> None:
    engine = FakeSource()
    asks = asker(engine)
    slow = AnalysisRequest("search", "fixed_points", title="Searching", every=math.inf)
    asks.want([slow], None, 1)
    engine.callbacks[0](Reply(0.4))
    asks.want([slow], None, 1)
    assert asks.busy() == ("search", "Searching", 0.4)
    asks.cancel("search")
    assert asks.busy() is None and engine.taken_back == [0] and asks.settled()
    asks.want([slow], None, 1)
    assert len(engine.asked) == 1
    asks.want([AnalysisRequest("search", "fixed_points", title="Searching", key="2")], None, 1)
    assert len(engine.asked) == 2
    asks.cancel("no such question")


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(Experiment.from_query("task=adding&cell=gru&hidden_size=4"))


def look_at(trainer: Trainer, **query: str) -> tuple[Viewer, FakeSource]:
    engine = FakeSource(view_of(trainer, step=40, kept_steps=(0, 1, 2, 10, 40)))
    return Viewer(engine, "lab", query), engine


def snapshot_at(trainer: Trainer, step: int) -> Any:
    import dataclasses

    return dataclasses.replace(trainer.snapshot(), step=step)


def test_the_present_needs_no_question(trainer: Trainer) -> None:
    looker, engine = look_at(trainer)
    seen = looker.look()
    assert (seen.past, seen.others, engine.asked) == (False, (), [])


def test_the_nearest_kept_step_is_shown_once_it_is_computed(trainer: Trainer, clock: Clock) -> None:
    looker, engine = look_at(trainer, at="9")
    waiting = looker.look()
    assert engine.asked == [("snapshot", {}, 10)]
    assert not waiting.past, "until then what was seen stays"
    before = looker.state()
    engine.reply(snapshot_at(trainer, 10), 10)
    assert looker.state() != before
    seen = looker.look()
    assert (seen.past, seen.step, seen.view.snapshot.step) == (True, 10, 10)  # type: ignore[union-attr]
    looker.choose({"at": "2"})
    still = looker.look()
    assert (still.past, still.step) == (True, 10)
    looker.choose({})
    assert not looker.look().past


def test_a_film_turns_the_kept_steps_one_after_the_other_and_ends_in_the_present(
    trainer: Trainer, clock: Clock
) -> None:
    looker, engine = look_at(trainer, film="4")
    shown = []
    for _ in range(12):
        seen = looker.look()
        if engine.asked and not looker.scheduler.settled():
            assert looker.look().step == seen.step, "it waits for what must be computed"
            engine.reply(snapshot_at(trainer, engine.asked[-1][2] or 0), engine.asked[-1][2] or 0)
            seen = looker.look()
        shown.append(seen.step if seen.past else None)
        clock.now += 0.26
    assert [step for n, step in enumerate(shown) if n == 0 or step != shown[n - 1]] == [0, 1, 2, 10, 40, None]
    assert (looker.film, looker.at) == (0.0, None)
    assert looker.due() == math.inf


def test_a_film_keeps_its_speed(trainer: Trainer, clock: Clock) -> None:
    looker, engine = look_at(trainer, film="4")
    looker.look()
    assert looker.due() == math.inf, "what must be computed is news when it comes"
    engine.reply(snapshot_at(trainer, 0), 0)
    looker.look()
    assert looker.due() == pytest.approx(0.25)
    clock.now += 0.1
    assert looker.due() == pytest.approx(0.15)
    looker.choose({"film": "1000"})
    assert looker.film == looking.FASTEST_FILM


def test_a_reset_brings_everybody_back_to_the_present(trainer: Trainer, clock: Clock) -> None:
    looker, engine = look_at(trainer, at="10")
    looker.look()
    engine.reply(snapshot_at(trainer, 10), 10)
    assert looker.look().past
    engine.run = view_of(trainer, step=0, kept_steps=(0,))
    seen = looker.look()
    assert (seen.past, looker.at) == (False, None)


def test_other_branches_are_seen_beside_it(trainer: Trainer) -> None:
    curve = {"step": np.arange(3), "loss": np.ones(3)}
    assert Viewer(FakeSource(view_of(trainer), curve), "lab", {}).look().others == (curve,)


def test_there_must_be_such_a_view() -> None:
    with pytest.raises(UnknownName):
        Viewer(FakeSource(), "nowhere", {})


def test_what_is_remembered_of_the_past_is_bounded_in_bytes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "REMEMBERED", 3000)
    engine = FakeSource()
    asks = asker(engine)
    for step in (1, 2, 3, 3, 2, 1):
        asks.want([QUICK], step, 9)
        if len(engine.asked) and engine.asked[-1][2] == step and not asks.settled():
            engine.reply({"map": np.zeros(125)}, step)  # 1,000 bytes
    assert [step for *_, step in engine.asked] == [1, 2, 3, 1], "two are remembered, the oldest is asked about again"


@given(st.dictionaries(st.sampled_from(["at", "film", "layer", "cancel"]), st.text(max_size=12)))
def test_any_query_can_be_chosen(query: dict[str, str]) -> None:
    looker = Viewer(FakeSource(), "lab", query)
    assert looker.at is None or looker.at >= 0
    assert 0 <= looker.film <= looking.FASTEST_FILM


def test_curves_show_where_one_looks_and_what_the_other_branches_did(trainer: Trainer) -> None:
    from rnn_explorer.views.base import ViewState
    from rnn_explorer.views.lab import curves_of

    long = {name: np.linspace(1, 2, 30) for name in ("loss", "metric", "grad_norm", "applied_norm")}
    other = {"step": np.arange(30), **long}
    seen = ViewState(view_of(trainer), 7, past=True, others=(other,))
    drawn = curves_of(seen)
    marks = [trace for trace in drawn.data if trace["name"] == "looked at"]
    assert [trace["x"].tolist() for trace in marks] == [[7, 7], [7, 7]]
    branches = [trace for trace in drawn.data if trace["name"] == "other branch"]
    assert len(branches) == 2 and len(branches[0]["x"]) == 30
    assert "step 7" in drawn.how_to_read and "other branches" in drawn.how_to_read
    drawn.to_plotly()
    plain = curves_of(ViewState(view_of(trainer), 0))
    assert not {"looked at", "other branch"} & {trace["name"] for trace in plain.data}
