"""Uploads and the lab: what is there is trained on, what is gone or does not fit is told and nothing breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.own import store
from rnn_explorer.ui import session, uploads
from tests.pages.conftest import FRAME, run_of, wait_for

Open = Callable[..., AppTest]
TABLE = ("x,kind\n" + "\n".join(f"{n * n % 37},{'ab'[n % 2]}" for n in range(200))).encode()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


@pytest.fixture
def open_owned(monkeypatch: pytest.MonkeyPatch) -> Open:
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


def test_a_column_that_is_not_there_is_told_and_the_model_stays(open_owned: Open) -> None:
    page = open_owned(task="own_series", data=store.put(TABLE, "a.csv"))
    wait_for(page, lambda view: view.status == "ready")
    before = run_of(page)
    next(box for box in page.text_input if box.key.startswith("set:columns:")).set_value("y").run()
    assert "The data have no column 'y'." in told(page) and not page.exception
    assert run_of(page) == before and session.engine().view(before).experiment.task_settings.columns == ""
