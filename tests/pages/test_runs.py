"""The page that lists a visitor's runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.store.records import RunGroup, StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.ui import session
from rnn_explorer.ui.runs import actions, chosen_curves
from tests.pages.conftest import FRAME, run_of, wait_for

Open = Callable[..., AppTest]
Add = Callable[..., str]
HOSTILE = "**bold** <script>alert(1)</script> [link](http://x) 🙂 " + "x" * 10_000


@pytest.fixture
def store() -> RunStore:
    found = session.store()
    assert found is not None
    return found


@pytest.fixture
def me() -> str:
    return f"visitor-{secrets.token_hex(7)}"


@pytest.fixture
def add(store: RunStore, me: str) -> Iterator[Add]:
    """add(task="adding", hidden_size=4, fields={"name": "a"}): a run of `me`, with a curve; returns its id."""
    made: list[str] = []

    def add_run(task: str = "adding", fields: dict[str, Any] | None = None, rows: int = 20, **settings: Any) -> str:
        run_id = f"run-{secrets.token_hex(6)}"
        steps = np.arange(1, rows + 1, dtype=float)
        loss = 1 / steps
        known = {
            "owner": me, "step": rows, "epoch": rows / 10, "status": "finished", "metric_name": "MSE",
            "best_loss": float(loss[-1]), "best_metric": float(loss[-1]), "best_step": rows,
            "parameters": 77, "created": 1e9 + len(made), "sparkline": (1.0, 0.5), **(fields or {}),
        }  # fmt: skip
        experiment = Experiment.default(task).replace(**settings).to_json()
        store.add(StoredRun(run_id, **{"experiment": experiment, **known}))
        store.append(run_id, "train", np.stack([steps, loss, loss, loss, loss], axis=1))
        store.append(run_id, "validation", np.stack([steps, loss, loss], axis=1))
        store.flush()
        made.append(run_id)
        return run_id

    yield add_run
    store.remove(made)


def open_page(me: str, chosen: Sequence[str] = ()) -> AppTest:
    """The page, with these rows chosen."""
    page = AppTest.from_file(FRAME, default_timeout=30)
    page.session_state["visitor"] = me
    page.session_state["runs_chosen"] = list(chosen)
    return run(page.switch_page("runs.py"))


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception
    return page


def listed(page: AppTest, column: str = "name") -> list[Any]:
    return list(page.dataframe[0].value[column]) if len(page.dataframe) else []


def said(page: AppTest) -> str:
    return " ".join(part.value for part in (*page.markdown, *page.caption, *page.warning, *page.error))


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return run(page)


# -- the list ---------------------------------------------------------------------------------------------------


def test_without_a_run_the_page_says_how_one_comes(me: str) -> None:
    page = open_page(me)
    assert "No runs yet" in said(page) and not page.dataframe and not page.button


def test_a_row_says_what_a_run_is_and_others_see_nothing_of_it(add: Add, me: str) -> None:
    add("digits", {"metric_name": "accuracy", "best_metric": 0.9, "best_loss": 0.3}, cell="lstm", num_layers=2)
    page = open_page(me)
    row = page.dataframe[0].value.iloc[0]
    assert row["name"] == "LSTM on Handwritten digits" and row["sizes"].startswith("2 × ")
    assert (row["cell"], row["status"], row["parameters"], row["step"]) == ("LSTM", "finished", 77, 20)
    assert row["best_loss"] == pytest.approx(0.3) and row["accuracy"] == pytest.approx(0.9) and row["best_step"] == 20
    assert list(row["curve"]) == [1.0, 0.5] and row["created"].timestamp() == 1e9
    assert "run_id" not in page.session_state, "looking at the list starts no run"
    assert not listed(open_page(f"{me}-other"))


def test_filters_are_offered_where_runs_differ_and_narrow_the_list(add: Add, me: str) -> None:
    add("adding", {"name": "Alpha", "tags": ("good",), "starred": True}, cell="lstm")
    page = open_page(me)
    assert not page.multiselect and not page.text_input, "one run needs no filter"
    add("parity", {"note": "see ALPHA", "status": "paused"}, cell="gru")
    add("parity", {"name": "gone", "archived": True}, cell="gru")
    page = open_page(me)
    assert listed(page) == ["GRU on Parity", "Alpha"]
    assert {box.label for box in page.multiselect} == {"Task", "Cell", "Status", "Tags"}
    page.text_input[0].set_value("alpha")
    assert len(listed(run(page))) == 2, "names and notes"
    page.text_input[0].set_value("")
    page.multiselect(key="runs:by:Cell").set_value(["GRU"])
    assert listed(run(page)) == ["GRU on Parity"]
    page.multiselect(key="runs:by:Cell").set_value([])
    page.toggle[0].set_value(True)
    assert listed(run(page)) == ["Alpha"]
    page.toggle[0].set_value(False)
    page.text_input[0].set_value("nothing has this")
    assert not listed(run(page)) and "No run is like this." in said(page)
    page.selectbox(key="runs:part").set_value("archived")
    assert listed(run(page)) == ["gone"]


def test_foreign_text_is_shown_as_text_and_short(add: Add, me: str) -> None:
    one = add(fields={"name": HOSTILE, "note": HOSTILE, "tags": (HOSTILE, "b")})
    page = open_page(me, [one, add(fields={"name": HOSTILE})])
    assert all(len(name) <= 120 and name.startswith("**bold** <script>") for name in listed(page))
    assert "<script" not in said(page) and "**bold**" not in said(page)
    assert max(len(tag) for tags in listed(page, "tags") for tag in tags) <= 120
    assert page.text_input  # what is too long to be typed anew is no error in the field for it
    assert not run(open_page(me, [one])).exception


def test_a_run_of_another_version_is_listed_and_opening_it_says_what_is_wrong(
    add: Add, store: RunStore, me: str
) -> None:
    other = add(fields={"experiment": '{"task": "chess", "cell": "xlstm", "depth": {"a": 1}}'})
    broken = add(fields={"experiment": "{"})
    for run_id in (other, broken):
        store.keep(run_id, 5, 0.5, b"a state")
    store.flush()
    page = open_page(me, [other, broken])
    assert listed(page) == ["unknown on unknown", "xlstm on chess"]
    page = press(open_page(me, [other]), "Open")
    assert "This version of RNN Explorer cannot open that run." in said(page) and "chess" in said(page)
    assert listed(page)
    page = press(open_page(me, [add()]), "Open")
    assert "That run has no weights any more." in said(page)


def test_without_a_store_the_page_says_why(me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "store", lambda: None)
    monkeypatch.setattr(session, "store_notice", lambda: "Runs are not kept: the disk is gone.")
    assert "Runs are not kept: the disk is gone." in said(open_page(me))


# -- what can be done -------------------------------------------------------------------------------------------


def trained(open_lab: Open, me: str) -> AppTest:
    page = open_lab(visitor=me, task="adding", hidden_size="3", steps="50")
    wait_for(page, lambda view: view.status == "ready")
    page.button(key="do:step").click().run()
    wait_for(page, lambda view: view.step == 1 and view.status == "paused")
    return page


def test_a_run_is_opened_in_the_lab_out_of_the_store(open_lab: Open, me: str) -> None:
    first = run_of(trained(open_lab, me))
    session.engine().command(first, "stop")
    page = press(open_page(me, [first]), "Open")
    page = run(page)
    assert run_of(page) == first and not page.warning
    assert wait_for(page, lambda view: view.status == "paused").step == 1
    assert page.session_state["experiment"]["hidden_size"] == 3


def test_deleting_ends_a_living_run_says_so_on_its_page_and_can_be_undone(
    open_lab: Open, store: RunStore, me: str
) -> None:
    lab = trained(open_lab, me)
    first = run_of(lab)
    seen: list[bool] = []

    def hear() -> None:  # as the page of a living run does when it ends, which may then bring it back
        seen.append(session.is_alive(first))

    leave = session.engine().subscribe(first, hear)
    page = press(open_page(me, [first]), "Delete")
    leave()
    assert "Deleted 1 run." in said(page) and not listed(page)
    assert seen and not seen[-1], "nobody finds it between its end and its deletion"
    run(lab)
    assert "This run was deleted; restarted from the same settings, at step 0." in said(lab) and run_of(lab) != first
    page = press(page, "Undo")
    assert listed(page) == ["LSTM on Adding problem"] or listed(page)[0].endswith("on Adding problem")
    kept = store.run(first)
    assert kept is not None and kept.deleted is None and "Deleted" not in said(page)
    assert session.is_alive(first), "it opens again"


def test_deleted_runs_are_restored_also_by_a_page_opened_later(add: Add, store: RunStore, me: str) -> None:
    gone, _ = add(fields={"deleted": time.time()}), add()
    page = open_page(me)
    assert len(listed(page)) == 1
    page.selectbox(key="runs:part").set_value("deleted")
    page.session_state["runs_chosen"] = [gone]
    page = run(page)
    assert "1** of 1 run chosen" in said(page)
    press(page, "Restore")
    kept = store.run(gone)
    assert kept is not None and kept.deleted is None


def test_several_are_starred_archived_and_tagged_at_once(add: Add, store: RunStore, me: str) -> None:
    runs = [add(fields={"tags": ("old", name)}) for name in ("a", "b")]
    page = press(open_page(me, runs), "Star")
    assert listed(page, "star") == ["★", "★"]
    page.multiselect(key=f"runs:tags:{runs[1]},{runs[0]}").set_value(["new"])  # in place of what both have, "old"
    page = run(page)
    assert {run_id: set(store.run(run_id).tags) for run_id in runs} == {runs[0]: {"a", "new"}, runs[1]: {"b", "new"}}  # type: ignore[union-attr]
    page = press(page, "Archive")
    assert not listed(page) and all(store.run(run_id).archived for run_id in runs)  # type: ignore[union-attr]


def test_a_run_is_renamed_and_annotated(add: Add, store: RunStore, me: str) -> None:
    one = add()
    page = open_page(me, [one])
    page.text_input(key=f"runs:name:{one}").set_value("My  best\nrun")
    page.text_area(key=f"runs:note:{one}").set_value("with care")
    page = run(page)
    assert listed(page) == ["My best run"] and listed(page, "note") == ["with care"]
    page.text_input(key=f"runs:name:{one}").set_value("")
    assert listed(run(page)) == ["RNN on Adding problem"] or listed(page)[0].endswith("on Adding problem")


# -- groups -----------------------------------------------------------------------------------------------------


def test_a_group_is_one_row_that_unfolds_and_is_acted_upon_whole(add: Add, store: RunStore, me: str) -> None:
    group = f"group-{secrets.token_hex(4)}"
    store.add_group(RunGroup(group, "race", me, varies=("cell",)))
    members = [
        add(fields={"run_group": group, "best_loss": loss}, cell=cell)
        for cell, loss in (("rnn", 0.5), ("lstm", 0.1), ("gru", 0.3))
    ]
    alone = add()
    page = open_page(me)
    assert len(listed(page)) == 2 and "race: cell (3 runs)" in listed(page)
    row = page.dataframe[0].value.set_index("name").loc["race: cell (3 runs)"]
    assert row["open"] == "Unfold" and row["best_loss"] == pytest.approx(0.1) and row["cell"] == "GRU, LSTM, RNN"
    page.session_state["runs_unfolded"] = [group]
    assert listed(run(page), "open") == ["Open", "Fold", "Open", "Open", "Open"]
    page = open_page(me, [group])
    page.text_input(key=f"runs:name:{group}").set_value("Which cell?")
    assert "Which cell? (3 runs)" in listed(run(page))
    page = press(page, "Delete")
    assert "Deleted 3 runs." in said(page) and len(listed(page)) == 1
    assert [store.run(run_id).deleted is not None for run_id in [*members, alone]] == [True, True, True, False]  # type: ignore[union-attr]


def test_a_button_in_a_row_opens_a_run_or_unfolds_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(actions.st, "session_state", state)
    opened: list[str] = []
    monkeypatch.setattr(actions, "open_run", opened.append)
    stored = StoredRun("r", "{}")
    actions.press(actions.Row("r", (stored,)))
    group = actions.Row("g", (stored,), RunGroup("g", "race"))
    actions.press(group)
    assert opened == ["r"] and actions.unfolded() == ["g"]
    actions.press(group)
    assert actions.unfolded() == []


# -- several runs together --------------------------------------------------------------------------------------


def test_chosen_runs_show_what_differs_and_only_that(add: Add, me: str) -> None:
    one, two = add(learning_rate=0.001, cell="lstm"), add(learning_rate=0.01, cell="gru")
    page = open_page(me, [one, two])
    table = page.dataframe[1].value
    assert list(table.columns) == ["Run", "Cell", "Learning rate"]
    assert sorted(table["Learning rate"]) == ["0.001", "0.01"]
    assert "same settings" in said(open_page(me, [one, add(learning_rate=0.001, cell="lstm")]))
    assert len(open_page(me, [one]).dataframe) == 1, "one run differs from nothing"


def test_curves_of_the_chosen_runs_follow_the_controls(add: Add, me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(chosen_curves.static_figure, "show", lambda figure, *_, **__: drawn.append(figure))
    one, two = add(learning_rate=0.001), add(learning_rate=0.01)
    page = open_page(me, [one, two])
    assert {trace["legendgroup"] for trace in drawn[-1].data} == {one, two}
    assert sorted(trace["name"].partition("<br>")[2] for trace in drawn[-1].data) == [
        "learning rate 0.001", "learning rate 0.01"
    ]  # fmt: skip
    page.selectbox(key="runs:quantity").set_value("training loss")
    page.button_group(key="runs:over").set_value("epoch")
    page.toggle(key="runs:log").set_value(True)
    run(page)
    assert drawn[-1].layout["yaxis"]["type"] == "log" and drawn[-1].layout["xaxis"]["title"]["text"] == "epoch"
    assert len(drawn[-1].data) == 4, "training is smoothed, the raw curve stays"
    assert drawn[-1].data[0]["x"][-1] == pytest.approx(2.0)
    page.button_group(key="runs:over").set_value("seconds of training")
    page = run(page)
    assert "2 runs without times" in said(page)


def test_seconds_come_from_the_clock_and_count_from_where_a_branch_began(add: Add, store: RunStore, me: str) -> None:
    branch = add(fields={"origin": "another", "origin_step": 10})
    store.append(branch, "clock", np.array([[15, 2.0], [20, 8.0]]))
    store.flush()
    stored = store.run(branch)
    assert stored is not None
    places = chosen_curves._places(store, stored, np.array([5.0, 10, 15, 20]), "seconds of training")
    np.testing.assert_allclose(places, [np.nan, 0, 2, 8])


def test_a_curve_is_read_on_from_where_it_was_read_to_unless_the_run_went_back(
    add: Add, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = add(rows=30)
    asked: list[int] = []
    real = store.curve

    def read(run_id: str, kind: Any, after: int = -1) -> Any:
        asked.append(after)
        return real(run_id, kind, after)

    monkeypatch.setattr(store, "curve", read)

    def rows(change: float) -> Any:
        stored = store.run(run_id)
        assert stored is not None
        return chosen_curves.curve(store, StoredRun(run_id, stored.experiment, updated=change), "validation")

    assert len(rows(1)) == 30 and len(rows(1)) == 30 and asked == [-1]
    store.append(run_id, "validation", np.array([[31, 0.5, 0.5]]))
    store.flush()
    assert len(rows(2)) == 31 and asked == [-1, 29]
    store.append(run_id, "validation", np.array([[31, 0.7, 0.7], [32, 0.6, 0.6]]))
    store.flush()
    assert rows(3)[-2:, 1].tolist() == [0.7, 0.6] and asked[2:] == [30, -1]


def test_a_bound_on_the_curves_is_said(add: Add, me: str) -> None:
    runs = [add(rows=3) for _ in range(chosen_curves.MOST + 1)]
    assert f"first {chosen_curves.MOST} of {len(runs)} chosen" in said(open_page(me, runs))


# -- going on ---------------------------------------------------------------------------------------------------


def continues(page: AppTest) -> list[str]:
    return [button.label for button in page.button if button.key == "kept:back"]


def test_the_bare_address_offers_to_go_on_with_the_newest_run(open_lab: Open, me: str) -> None:
    first = run_of(trained(open_lab, me))
    session.store().flush()  # type: ignore[union-attr]
    page = AppTest.from_file(FRAME, default_timeout=30)
    page.session_state["visitor"] = me
    run(page)
    (label,) = continues(page)
    assert label.startswith("Continue: ") and label.endswith(" on Adding problem, step 1")
    page.button(key="kept:back").click()
    run(page)
    assert run_of(page) == first and not continues(page)
    assert not continues(open_lab(visitor=me, task="parity")), "who comes by a link wants what it says"


def test_nothing_is_offered_to_who_has_none_or_one_of_another_version(add: Add, me: str) -> None:
    add(fields={"experiment": '{"task": "chess"}'})
    for visitor in (me, f"{me}-other"):
        page = AppTest.from_file(FRAME, default_timeout=30)
        page.session_state["visitor"] = visitor
        assert not continues(run(page)) and not page.warning
