"""Uploads belong to their visitor, and live as long as somebody looks or something learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.tasks.user_data.store import DataGone
from rnn_explorer.ui import uploads

CSV = ("t,x\n" + "\n".join(f"{n},{n % 7}" for n in range(300))).encode()


class Engine:
    def __init__(self) -> None:
        self.alive = {"run"}

    def view(self, run_id: str) -> None:
        if run_id not in self.alive:
            raise UnknownRun(run_id)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A visitor, an engine and a clock of the test's own."""
    made = SimpleNamespace(visitor="anna", engine=Engine(), now=1000.0)
    monkeypatch.setattr(uploads.visitor, "current", lambda: made.visitor)
    monkeypatch.setattr(uploads.session, "engine", lambda: made.engine)
    monkeypatch.setattr(uploads, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(uploads, "_known", {})
    yield made
    store.drop_all()


def on(token: str) -> Experiment:
    return Experiment.default("own_series").replace(data=token)


def bring() -> str:
    return uploads.bring(read(CSV, "x.csv"))


def test_an_upload_is_its_visitors_and_nobody_elses(world: SimpleNamespace) -> None:
    token = bring()
    assert not uploads.is_foreign(on(token))
    world.visitor = "bert"
    assert uploads.is_foreign(on(token))
    uploads.touch(on(token), "run")
    assert uploads.is_foreign(on(token)), "to watch a run on it opens nothing"
    assert not uploads.is_foreign(Experiment.default("own_series"))
    assert not uploads.is_foreign(Experiment.default("digits"))
    world.visitor = "anna"
    assert not uploads.is_foreign(on(token))
    assert uploads.is_foreign(on("x" * 22)), "what is gone is nobody's"


def test_an_upload_is_forgotten_when_nobody_looks_and_nothing_learns_from_it(world: SimpleNamespace) -> None:
    token = bring()
    uploads.touch(on(token), "run")
    world.now += uploads.KEEP + 1
    uploads.sweep()
    assert store.get(token), "a run still learns from it"
    world.engine.alive.clear()
    uploads.sweep()
    with pytest.raises(DataGone):
        store.get(token)
    assert uploads._known == {}


def test_a_look_keeps_it_and_somebody_elses_does_not(world: SimpleNamespace) -> None:
    token = bring()
    for _ in range(3):
        world.now += uploads.KEEP - 1
        uploads.touch(Experiment.default("digits"), "another run")
        uploads.sweep()
    assert store.get(token)
    world.visitor = "bert"
    world.now += uploads.KEEP + 1
    uploads.touch(Experiment.default("digits"), "another run")
    uploads.sweep()
    with pytest.raises(DataGone):
        store.get(token)


def test_the_room_of_one_visitor_is_bounded_and_leaves_that_of_others(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bring()
    monkeypatch.setattr(uploads, "MOST_EACH", store.size(first) + 100)
    files = len(list(store._own_folder().glob("*.npz")))
    with pytest.raises(DataError, match="Your uploads take more"):
        bring()
    assert len(list(store._own_folder().glob("*.npz"))) == files, "what was refused is not kept"
    world.visitor = "bert"
    assert bring()


def test_the_number_of_uploads_and_what_is_known_of_each_are_bounded(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_EACH", 3)
    tokens = [bring() for _ in range(3)]
    with pytest.raises(DataError, match="more than 3"):
        bring()
    for number in range(100):  # a visitor who starts one run after the other on the same data
        uploads.touch(on(tokens[0]), f"run {number}")
    world.engine.alive = {"run 99"}
    uploads.sweep()
    assert uploads._known[tokens[0]].runs == {"run 99"} and len(uploads._known) == 3
    uploads.forget(tokens[1])
    assert bring()


def test_what_comes_back_with_a_run_is_its_owners(world: SimpleNamespace) -> None:
    token = bring()
    content = store.packed(token)
    uploads.forget(token)
    store.put_back(token, content)
    world.visitor = "bert"  # who was given the run's link
    uploads.come_back(SimpleNamespace(experiment=on(token), owner="anna", run_id="run"))  # type: ignore[arg-type]
    assert uploads.is_foreign(on(token))
    world.visitor = "anna"
    assert not uploads.is_foreign(on(token))
    world.now += uploads.KEEP + 1
    uploads.sweep()
    assert store.holds(token), "a run learns from it"
    world.engine.alive.clear()
    uploads.sweep()
    assert not store.holds(token)


def test_a_file_that_was_taken_away_stays_while_a_run_learns_from_it(world: SimpleNamespace) -> None:
    token = bring()
    uploads.touch(on(token), "run")
    uploads.let_go(token)
    assert store.holds(token)
    world.engine.alive.clear()
    uploads.let_go(token)
    assert not store.holds(token) and uploads._known == {}
