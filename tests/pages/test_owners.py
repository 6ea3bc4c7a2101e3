"""Who opens somebody else's run by its address watches it, and may have a copy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.ui import session, uploads, visitor
from tests.pages.conftest import run_of, wait_for

SMALL = {"task": "adding", "hidden_size": "3", "steps": "50"}
CSV = ("t,x\n" + "\n".join(f"{n},{(n * n) % 17}" for n in range(400))).encode()


@pytest.fixture
def two(open_lab: Callable[..., AppTest]) -> tuple[AppTest, AppTest]:
    """The page of who started a run and has trained it, and that of who opened its address."""
    owner = open_lab(**SMALL)
    wait_for(owner, lambda view: view.status == "ready")
    owner.button(key="do:step").click().run()
    wait_for(owner, lambda view: view.status == "paused" and view.step == 1)
    watcher = open_lab(run=run_of(owner))
    assert run_of(watcher) == run_of(owner)
    return owner, watcher


def keys(page: AppTest) -> set[str]:
    return {button.key for button in page.button if button.key}


def test_a_watcher_finds_a_copy_in_place_of_the_buttons(two: tuple[AppTest, AppTest]) -> None:
    owner, watcher = two
    assert "do:copy" not in keys(owner) and "do:step" in keys(owner)
    assert "do:copy" in keys(watcher) and not keys(watcher) & {"do:play", "do:step", "do:epoch", "do:reset"}
    assert any("somebody else's run" in text.value for text in watcher.markdown)
    watched = run_of(owner)
    watcher.button(key="do:copy").click().run()
    copy = run_of(watcher)
    assert copy != watched and "do:step" in keys(watcher)
    view = wait_for(watcher, lambda view: view.status == "paused")
    assert view.step == 1 and view.origin == (watched, 1)
    watcher.button(key="do:step").click().run()
    wait_for(watcher, lambda view: view.step == 2)
    assert session.engine().view(watched).step == 1


def test_a_watchers_changes_make_a_run_of_their_own(two: tuple[AppTest, AppTest]) -> None:
    owner, watcher = two
    watched = run_of(owner)
    next(s for s in watcher.select_slider if s.label == "Learning rate").set_value(0.1).run()
    assert run_of(watcher) != watched
    view = session.engine().view(watched)
    assert view.experiment.training.learning_rate != 0.1 and view.step == 1
    assert session.engine().view(run_of(watcher)).experiment.training.learning_rate == 0.1
    assert any("goes on" in toast.value for toast in watcher.toast)


def test_a_page_of_buttons_that_is_behind_steers_nothing(two: tuple[AppTest, AppTest]) -> None:
    owner, _ = two
    watched = run_of(owner)
    owner.session_state["visitor"] = "somebody else"  # the same buttons, pressed by who does not own the run
    owner.button(key="do:step").click().run()
    assert any("belongs to somebody else" in toast.value for toast in owner.toast)
    assert session.engine().view(watched).step == 1


def test_leaving_a_run_for_another_model_keeps_it_and_never_touches_somebody_elses(
    two: tuple[AppTest, AppTest],
) -> None:
    owner, watcher = two
    watched = run_of(owner)
    next(b for b in watcher.button if b.key == "do:copy").click().run()
    mine = run_of(watcher)
    wait_for(watcher, lambda view: view.status == "paused")
    next(b for b in watcher.button if b.label == "New seed").click().run()
    assert session.engine().view(mine).step == 1
    watcher.button(key="kept:back").click().run()
    assert run_of(watcher) == mine
    assert session.engine().view(watched).step == 1


def test_a_watcher_finds_the_settings_folded(two: tuple[AppTest, AppTest]) -> None:
    owner, watcher = two
    label = "Settings, to start a run of your own"
    assert label not in {box.label for box in owner.sidebar.expander}
    folded = next(box for box in watcher.sidebar.expander if box.label == label)
    assert not folded.proto.expanded
    assert any(control.label == "Learning rate" for control in folded.select_slider)
    assert not watcher.sidebar.slider or all(s in list(folded.slider) for s in watcher.sidebar.slider)


def test_a_token_opens_nothing_for_anybody_else(open_lab: Callable[..., AppTest], monkeypatch) -> None:
    monkeypatch.setattr(visitor, "current", lambda: "anna")
    token = uploads.bring(read(CSV, "x.csv"))
    mine = open_lab(task="own_series", data=token)
    assert session.engine().view(run_of(mine)).experiment.task_settings.data == token
    monkeypatch.setattr(visitor, "current", lambda: "bert")
    for page in (open_lab(task="own_series", data=token), open_lab(task="own_series")):
        control = next(control for control in page.text_input if control.label == "Uploaded data")
        control.set_value(token).run()
        assert session.engine().view(run_of(page)).experiment.task_settings.data == ""
        assert any("stays with its owner" in warning.value for warning in page.warning)
    data_page = open_lab("data", run=run_of(mine))
    assert any("stays with its owner" in warning.value for warning in data_page.warning)
    monkeypatch.setattr(visitor, "current", lambda: "anna")
    uploads.forget(token)
