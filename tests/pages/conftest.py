"""Pages are run by Streamlit's own test harness, with the real engine behind them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.engine.base import RunView
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.ui import run_controls, session

FRAME = str(Path(__file__).parents[2] / "pages" / "_frame.py")


@pytest.fixture(scope="session", autouse=True)
def started(one_engine: LocalEngine) -> None:
    """The engine starts before the first page is opened."""


@pytest.fixture
def open_lab() -> Callable[..., AppTest]:
    """open_lab(task="adding"): open the lab with a query, as a visitor would, at full speed; `page="memory"` goes
    on to that page.

    Each is a visitor of its own; `visitor="anna"` says whose browser it is.
    """

    def open_page(page: str = "", visitor: str = "", **query: str) -> AppTest:
        app = AppTest.from_file(FRAME, default_timeout=30)
        if visitor:
            app.session_state["visitor"] = visitor
        for name, value in {"pace": "fast", **query}.items():
            app.query_params[name] = value
        app.run()
        if page:
            app.switch_page(f"{page}.py").run()
        assert not app.exception, app.exception
        return app

    return open_page


@pytest.fixture
def selection(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """What the page's own controls decided last: parts of the view's selection."""
    decided: list[Any] = []
    real = run_controls.live_figures

    def live_figures(**words: Any) -> Any:
        decided.append(words["ask"])
        return real(**words)

    monkeypatch.setattr(run_controls, "live_figures", live_figures)
    return lambda: decided[-1]


def run_of(page: AppTest) -> str:
    return page.session_state["run_id"]


def wait_for(page: AppTest, condition: Callable[[RunView], bool], seconds: float = 90) -> RunView:
    """The page's run as soon as `condition` holds for it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        view = session.engine().view(run_of(page))
        if condition(view):
            page.run()  # as the browser does when it sees the status change
            return view
        time.sleep(0.02)
    raise AssertionError(f"still {view.status} at step {view.step} after {seconds} s: {view.message}")
