"""Runs on uploads: workers find them, and what is gone is told in a sentence and leaves the others alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from rnn_explorer.engine.size_check import check_size
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.user_data import store

TABLE = ("x,y\n" + "\n".join(f"{math.sin(n):.4f},{n}" for n in range(300))).encode()


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


def on(token: str, **changes: object) -> Experiment:
    return Experiment.default("own_series").replace(
        data=token, pace="fast", hidden_size=4, batch_size=8, steps=20, **changes
    )


def test_a_worker_that_was_started_before_trains_on_an_upload(engine, wait_for, settle, watch) -> None:
    wait_for(lambda: engine.workers_ready() == 2)
    run = engine.start(on(store.put(TABLE, "a.csv")))
    assert settle(engine, run, "ready", "failed").status == "ready"
    engine.command(run, "play")
    view = settle(engine, run, "finished", "failed", "diverged")
    assert view.status == "finished" and view.step == 20 and view.test is not None
    tools = watch(engine, run).until(lambda seen: seen.parts.get("tools")).parts["tools"]
    assert any("rows" in str(tool["options"]) for tool in tools)


def test_what_the_data_do_not_bear_is_refused_before_there_is_a_run(engine) -> None:
    token = store.put(TABLE, "a.csv")
    with pytest.raises(SettingError, match="The data have no column 'z'"):
        engine.start(on(token, columns="z"))
    store.drop(token)
    with pytest.raises(SettingError, match="uploaded by somebody else or is gone"):
        engine.start(on(token))


def test_an_upload_that_is_checked_again_is_looked_for_again() -> None:
    token = store.put(TABLE, "a.csv")
    check_size(on(token))
    store.drop(token)
    with pytest.raises(SettingError, match="is gone"):
        check_size(on(token))


def test_data_that_go_while_a_run_waits_are_told_by_the_run(engine, settle, monkeypatch) -> None:
    token = store.put(TABLE, "a.csv")
    store.drop(token)
    monkeypatch.setattr("rnn_explorer.engine.local.check_size", lambda experiment: 0)  # it was there a moment ago
    run = engine.start(on(token))
    view = settle(engine, run, "failed")
    assert view.message.startswith("The data of this experiment was uploaded by somebody else or is gone")
    engine.command(run, "reset")
    assert settle(engine, run, "failed").message == view.message
    other = engine.start(
        Experiment.default("adding").replace(pace="fast", hidden_size=4, seq_len=5, batch_size=4, steps=5)
    )
    assert settle(engine, other).status == "ready", "the worker goes on"


def test_an_upload_is_not_kept_for_another_run(engine, settle, monkeypatch) -> None:
    token = store.put(TABLE, "a.csv")
    first = engine.start(on(token))
    settle(engine, first, "ready")
    store.drop(token)
    monkeypatch.setattr("rnn_explorer.engine.local.check_size", lambda experiment: 0)
    second = engine.start(on(token, cell="gru"))
    assert settle(engine, second).status == "failed"
    assert engine.view(first).status == "ready", "what was read goes on"
