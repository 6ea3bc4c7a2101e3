"""A run is kept when another takes its place, and offered back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.ui import kept, place, session
from tests.pages.conftest import run_of, wait_for

Open = Callable[..., AppTest]
SMALL = {"task": "adding", "hidden_size": "3", "steps": "50"}


def trained(page: AppTest) -> str:
    """The page's run, one step further."""
    wait_for(page, lambda view: view.status == "ready")
    page.button(key="do:step").click().run()
    wait_for(page, lambda view: view.step == 1)
    return run_of(page)


def new_seed(page: AppTest) -> None:
    next(button for button in page.button if button.label == "New seed").click().run()


def offered(page: AppTest) -> bool:
    return any(button.key == "kept:back" for button in page.button)


def is_alive(run: str) -> bool:
    try:
        return session.engine().view(run) is not None
    except UnknownRun:
        return False


def sentences(page: AppTest) -> str:
    return " ".join(warning.value for warning in page.warning)


def test_another_size_keeps_the_run_before_it(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    assert not offered(page)
    first = trained(page)
    assert not offered(page)
    next(slider for slider in page.select_slider if slider.label == "Hidden size").set_value(6).run()
    second = run_of(page)
    assert second != first and session.engine().view(first).step == 1
    page.button(key="kept:back").click().run()
    assert run_of(page) == first and page.session_state["experiment"]["hidden_size"] == 3
    assert str(page.query_params["run"]).strip("[']") == first
    assert not is_alive(second), "nobody had trained it"
    assert not offered(page)


@pytest.mark.parametrize("way", ["seed", "cell", "task"])
def test_every_way_to_another_run_keeps_it(open_lab: Open, way: str) -> None:
    page = open_lab(**SMALL)
    first = trained(page)
    if way == "seed":
        new_seed(page)
    elif way == "cell":
        next(control for control in page.segmented_control if control.label == "Cell").set_value("gru").run()
    else:
        next(box for box in page.selectbox if box.label == "Task").set_value("parity").run()
    assert run_of(page) != first and is_alive(first) and offered(page)
    assert "step 1" in next(button for button in page.button if button.key == "kept:back").help


def test_one_that_trains_is_paused(open_lab: Open) -> None:
    page = open_lab(**{**SMALL, "steps": "100000"})
    wait_for(page, lambda view: view.status == "ready")
    page.button(key="do:play").click().run()
    wait_for(page, lambda view: view.step > 0)
    first = run_of(page)
    new_seed(page)
    assert is_alive(first)
    page.button(key="kept:back").click().run()
    wait_for(page, lambda view: view.status == "paused")
    assert run_of(page) == first


def test_the_offer_can_be_hidden_and_the_address_still_goes_there(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    first = trained(page)
    new_seed(page)
    page.button(key="kept:hide").click().run()
    assert not offered(page)
    page.query_params["run"] = first  # as the browser's Back does
    page.query_params.pop("seed", None)
    page.session_state["replaced"] = (None, 0.0)
    page.run()
    assert run_of(page) == first and not page.warning


def test_a_few_are_kept_and_the_oldest_goes_first(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    runs = []
    for _ in range(kept.MOST + 2):
        runs.append(trained(page))
        new_seed(page)
    assert [is_alive(run) for run in runs] == [False, False, *[True] * kept.MOST]
    page.button(key="kept:back").click().run()
    assert run_of(page) == runs[-1]


def test_one_that_somebody_watches_is_not_let_go(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    first = trained(page)
    leave = session.engine().subscribe(first, lambda: None)
    look = session.engine().look(first, "lab", {}, lambda *_: None, "somebody")
    for _ in range(kept.MOST + 1):
        new_seed(page)
        trained(page)
    assert is_alive(first)
    look.close()
    leave()


def test_one_that_is_gone_is_not_offered_and_its_address_says_so(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    first = trained(page)
    new_seed(page)
    session.engine().command(first, "stop")
    kept_runs = session.store()
    assert kept_runs is not None
    kept_runs.remove([first])
    page.run()
    assert not offered(page)
    page.query_params["run"] = first
    page.session_state["replaced"] = (None, 0.0)
    page.run()
    assert "has expired" in sentences(page) and run_of(page) != first


def test_one_that_left_the_memory_comes_back_by_its_address(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    first = trained(page)
    new_seed(page)
    session.engine().command(first, "stop")
    assert not is_alive(first)
    page.query_params["run"] = first
    page.session_state["replaced"] = (None, 0.0)
    page.run()
    assert run_of(page) == first and not page.warning
    assert wait_for(page, lambda view: view.status == "paused").step == 1


def test_an_untrained_one_that_was_let_go_starts_anew_without_a_word(open_lab: Open) -> None:
    page = open_lab(**SMALL)
    first = run_of(page)
    new_seed(page)
    assert not is_alive(first) and not offered(page)
    page.query_params["run"] = first
    page.query_params.pop("seed", None)
    page.session_state["replaced"] = (None, 0.0)
    page.run()
    assert not page.warning and run_of(page) != first
    assert session.engine().view(run_of(page)).experiment.training.seed == 0


def test_kept_runs_make_room_at_once(open_lab: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full server takes no more of a visitor; what was left a moment ago must not be what fills it."""
    page = open_lab(**SMALL)
    runs = session.engine()._runs
    monkeypatch.setattr(runs, "runs_each", 2)
    monkeypatch.setattr(runs, "glance", 1000.0)
    seen = []
    for _ in range(4):
        seen.append(trained(page))
        new_seed(page)
        assert not page.warning, sentences(page)
    assert is_alive(seen[-1]) and not is_alive(seen[0])


def test_the_same_holds_for_the_memory(open_lab: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in list(session.engine()._runs):  # of other tests
        session.engine().command(run, "stop")
    page = open_lab(**SMALL)
    runs = session.engine()._runs
    monkeypatch.setattr(runs, "glance", 1000.0)
    for _ in range(2):
        trained(page)
        new_seed(page)
    mine = [run for run in runs.values() if run.owner == session.engine().view(run_of(page)).owner]
    monkeypatch.setattr(runs, "memory", 4 * sum(run.most_bytes() for run in mine))
    trained(page)
    new_seed(page)
    assert not page.warning, sentences(page)
    assert session.engine().view(run_of(page)).experiment == Experiment.from_dict(page.session_state["experiment"])


def test_back_to_the_link_that_was_opened_is_back_to_its_run(open_lab: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_lab(**SMALL)
    first = trained(page)
    new_seed(page)
    second = trained(page)
    monkeypatch.setattr(place, "went_back", lambda: True)
    page.query_params.clear()
    for name, value in {"pace": "fast", **SMALL}.items():
        page.query_params[name] = value
    page.run()
    assert run_of(page) == first
    page.query_params["run"] = second  # within the moment in which an address may be behind: the browser says it is not
    page.query_params["seed"] = "1"
    page.run()
    assert run_of(page) == second and not page.warning
