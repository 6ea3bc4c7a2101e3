"""Uploads live with their session and with what learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.own import store
from rnn_explorer.tasks.own.store import DataGone
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
    """A session, an engine and a clock of the test's own."""
    made = SimpleNamespace(state={}, engine=Engine(), now=1000.0)
    monkeypatch.setattr(uploads.st, "session_state", made.state)
    monkeypatch.setattr(uploads.session, "engine", lambda: made.engine)
    monkeypatch.setattr(uploads, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(uploads, "_known", {})
    yield made
    store.drop_all()


def on(token: str) -> Experiment:
    return Experiment.default("own_series").replace(data=token)


def test_an_upload_is_its_sessions_and_nobody_elses(world: SimpleNamespace) -> None:
    token = store.put(CSV, "x.csv")
    uploads.bring(token)
    assert not uploads.is_foreign(on(token))
    world.state.clear()  # another session
    assert uploads.is_foreign(on(token))
    assert not uploads.is_foreign(Experiment.default("own_series"))
    assert not uploads.is_foreign(Experiment.default("digits"))
    uploads.touch(on(token), "run")  # who has the address of a run may go on with it
    assert not uploads.is_foreign(on(token))


def test_an_upload_is_forgotten_when_nobody_looks_and_nothing_learns_from_it(world: SimpleNamespace) -> None:
    token = store.put(CSV, "x.csv")
    uploads.bring(token)
    uploads.touch(on(token), "run")
    world.state.clear()  # its session is over
    world.now += uploads.KEEP + 1
    uploads.touch(Experiment.default("digits"), "another run")
    assert store.get(token), "a run still learns from it"
    world.engine.alive.clear()
    uploads.touch(Experiment.default("digits"), "another run")
    with pytest.raises(DataGone):
        store.get(token)


def test_a_look_keeps_it(world: SimpleNamespace) -> None:
    token = store.put(CSV, "x.csv")
    uploads.bring(token)
    for _ in range(3):
        world.now += uploads.KEEP - 1
        uploads.touch(Experiment.default("digits"), "another run")
    assert store.get(token)
