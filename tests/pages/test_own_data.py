"""Uploads and the lab: what is there is trained on, what is gone or does not fit is told and nothing breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.user_data import store
from rnn_explorer.ui import navigation, session, uploads
from rnn_explorer.views import VIEWS
from tests.pages.conftest import FRAME, run_of, wait_for

Open = Callable[..., AppTest]
TABLE = ("x,kind\n" + "\n".join(f"{n * n % 37},{'ab'[n % 2]}" for n in range(200))).encode()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


@pytest.fixture
def places() -> Iterator[None]:
    """One visitor has few places, and what was looked at a moment ago holds one: a test gives back what it took."""
    before = set(session.engine().run_ids())
    yield
    for run_id in set(session.engine().run_ids()) - before:
        session.engine().command(run_id, "stop")


@pytest.fixture
def open_owned(monkeypatch: pytest.MonkeyPatch, places: None) -> Open:
    """Open the lab as the visitor who brought the upload in the address."""

    def open_page(**query: str) -> AppTest:
        page = AppTest.from_file(FRAME, default_timeout=30)
        page.session_state["visitor"] = "anna"
        monkeypatch.setitem(uploads._known, query["data"], uploads._Known("anna", time.monotonic()))
        for name, value in query.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception, page.exception
        return page

    return open_page


def told(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.warning, *page.error))


def test_an_address_with_an_upload_opens_a_run_on_it(open_owned: Open) -> None:
    token = store.put(TABLE, "a.csv")
    page = open_owned(task="own_series", data=token, columns="x")
    view = wait_for(page, lambda view: view.status != "starting")
    assert view.status == "ready" and view.experiment.task_settings.data == token and not told(page)


def test_somebody_elses_upload_stays_with_its_owner(open_lab: Open) -> None:
    page = open_lab(task="own_series", data=store.put(TABLE, "a.csv"), columns="x")
    assert "it stays with its owner" in told(page)
    view = wait_for(page, lambda view: view.status != "starting")
    assert view.experiment == Experiment.default("own_series")


def test_an_upload_that_is_gone_is_told_and_the_example_opens(open_lab: Open) -> None:
    page = open_lab(task="own_series", data="x" * 22)
    assert "The data of this experiment was uploaded by somebody else or is gone: it stays with its owner." in told(
        page
    )
    view = wait_for(page, lambda view: view.status != "starting")
    assert view.status == "ready" and view.experiment == Experiment.default("own_series")


@pytest.mark.parametrize("name", [navigation.address(page) for page in navigation.found() if page.name in VIEWS])
@pytest.mark.parametrize("kind", ["own_series", "own_text"])
def test_a_file_that_is_deleted_under_a_living_run_is_told_on_every_page(
    open_owned: Open, kind: str, name: str
) -> None:
    data = TABLE if kind == "own_series" else b"It was a dark and stormy night. " * 40
    token = store.put(data, "a.csv" if kind == "own_series" else "a.txt")
    page = open_owned(task=kind, data=token)
    wait_for(page, lambda view: view.status == "ready")
    store.drop(token)
    session.forget_tasks()
    if name:
        page.switch_page(f"{name}.py")
    page.run()
    assert not page.exception, page.exception
    assert "The uploaded data of this run are gone from the server." in told(page)
    run = run_of(page)
    for label in ("Step", "Reset", "New seed"):
        for button in [button for button in page.button if button.label == label]:
            button.click().run()
            assert not page.exception, page.exception
    next(box for box in page.sidebar.button_group if box.key.startswith("set:cell:")).set_value("gru").run()
    assert not page.exception and "is gone: it stays with its owner" in told(page)
    assert run_of(page) == run
    wait_for(page, lambda view: view.status in ("ready", "paused", "training"))


# -- the section of the Data page -------------------------------------------------------------------------------

OPEN = "a;b\n" + "\n".join(f"{n % 7 + 1}.{n * 37 % 900 + 100};{n % 5}" for n in range(200))


def bring(page: AppTest, name: str, content: str) -> None:
    page.file_uploader[0].set_value((name, content.encode(), "text/plain")).run()
    assert not page.exception, page.exception


def infos(page: AppTest) -> str:
    return "\n".join(element.value for element in page.info)


def labels(page: AppTest) -> list[str]:
    return [widget.label for widget in (*page.button_group, *page.toggle, *page.selectbox)]


def test_the_decimal_sign_is_asked_for_where_nothing_decides(open_lab: Open) -> None:
    page = open_lab(page="data", task="own_series")
    bring(page, "plain.csv", "a;b\n" + "\n".join(f"{n % 7}.5;{n}" for n in range(200)))
    assert "Decimal sign" not in labels(page) and not told(page)
    bring(page, "open.csv", OPEN)
    assert "may be 1.1 or 1100, and nothing in the file says which" in told(page)
    for sign, words in (("comma", "1.100 is 1100, as you stated"), ("point", "1.100 is 1.1, as you stated")):
        next(box for box in page.button_group if box.label == "Decimal sign").set_value(sign).run()
        assert f"read with a decimal {sign}: {words}" in infos(page) and not told(page)
        assert any(button.label == "Train on these data" for button in page.button)
    bring(page, "plain.csv", "a;b\n" + "\n".join(f"{n % 7}.5;{n}" for n in range(200)))
    assert "Decimal sign" not in labels(page)


def test_labels_are_kept_as_written_when_that_is_chosen(open_lab: Open) -> None:
    page = open_lab(page="data", task="own_series")
    bring(page, "a.csv", "x,k\n" + "\n".join(f"{n * n % 17},{('none', 'some')[n % 2]}" for n in range(80)))
    assert "'none' in it count as no value" in infos(page)
    next(toggle for toggle in page.toggle if toggle.label == "Labels as written").set_value(True).run()
    assert "'none' are kept as labels" in infos(page) and "count as no value" not in infos(page)


def test_a_table_of_another_name_can_be_read_as_one(open_lab: Open) -> None:
    page = open_lab(page="data", task="own_series")
    bring(page, "a.txt", "x\ty\n" + "\n".join(f"{n * n % 17}\t{n % 5}" for n in range(80)))
    assert "look like the rows of a table" in infos(page)
    next(box for box in page.selectbox if box.label == "Read it as").set_value("table").run()
    assert "80 rows, 2 columns" in "\n".join(caption.value for caption in page.caption) and not page.exception


def test_a_formula_in_a_file_is_previewed_as_text(open_lab: Open) -> None:
    page = open_lab(page="data", task="own_series")
    bring(page, "a.csv", '=1+1,x\n"=HYPERLINK(""http://evil.example"")",1\nb,2\n' + "c,3\n" * 80)
    shown = page.dataframe[0].value
    assert shown.columns[0] == "'=1+1" and shown.iloc[0, 0].startswith("'=HYPERLINK")
    assert "http://" not in infos(page) and "http:" in infos(page)


def test_the_preview_warns_of_nothing_that_nobody_asked(open_owned: Open) -> None:
    token = store.put(b"x,y\n" + b"".join(b"%d,%d\n" % (n * n % 37, n % 5) for n in range(200)), "a.csv")
    page = open_owned(task="own_series", data=token, columns="x")
    page.switch_page("data.py").run()
    assert not page.exception and not told(page)
    next(box for box in page.selectbox if box.label == "Value").set_value("classification").run()
    assert "Say which column holds the label" in told(page), "now somebody has asked"


def test_a_column_that_is_not_there_is_told_and_the_model_stays(open_owned: Open) -> None:
    page = open_owned(task="own_series", data=store.put(TABLE, "a.csv"))
    wait_for(page, lambda view: view.status == "ready")
    before = run_of(page)
    next(box for box in page.text_input if box.key.startswith("set:columns:")).set_value("y").run()
    assert "The data have no column 'y'." in told(page) and not page.exception
    assert run_of(page) == before and session.engine().view(before).experiment.task_settings.columns == ""


def test_a_run_on_own_data_comes_back_with_them_for_its_owner_alone(open_owned: Open, open_lab: Open) -> None:
    token = store.put(TABLE, "a.csv")
    page = open_owned(task="own_series", data=token, columns="x", pace="fast")
    wait_for(page, lambda view: view.status == "ready")
    page.button(key="do:step").click().run()
    wait_for(page, lambda view: view.step == 1)
    run = run_of(page)
    kept = session.store()
    assert kept is not None and kept.flush()
    session.engine().command(run, "stop")
    uploads.forget(token)  # as a new server finds it
    stranger = open_lab(run=run)  # who was given the link
    assert run_of(stranger) == run and store.holds(token)
    next(button for button in stranger.button if button.label == "Make it mine").click().run()
    assert run_of(stranger) == run, "the data stay with their owner"
    owner = open_lab(visitor="anna", run=run)
    view = wait_for(owner, lambda view: view.status == "paused")
    assert run_of(owner) == run and view.step == 1 and not told(owner)
    next(button for button in owner.button if button.label == "New seed").click().run()
    assert not told(owner) and session.engine().view(run_of(owner)).experiment.task_settings.data == token
