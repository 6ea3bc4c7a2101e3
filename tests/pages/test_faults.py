"""When a page, a part of it or a button fails: one sentence of ours, and the traceback in the log alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.testing.v1 import AppTest

from rnn_explorer.errors import UserError
from rnn_explorer.ui import faults, network_view, run_controls
from rnn_explorer.ui.plain import plain

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def as_in_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit's test harness knows no `on_script_error`, which the app has."""
    real = ScriptRunner.__init__

    def with_handler(self: ScriptRunner, *args: object, **more: object) -> None:
        real(self, *args, **{**more, "on_script_error": faults.show})  # type: ignore[arg-type]

    monkeypatch.setattr(ScriptRunner, "__init__", with_handler)


def only_ours(page: AppTest) -> None:
    assert not page.exception
    assert [error.value.replace("\\", "") for error in page.error] == [faults.OURS]


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("secret details")


def test_a_page_that_fails(monkeypatch: pytest.MonkeyPatch, open_lab: Open) -> None:
    monkeypatch.setattr(network_view, "show", broken)
    only_ours(open_lab(task="adding"))


def test_a_page_that_fails_goes_on_when_it_works_again(monkeypatch: pytest.MonkeyPatch, open_lab: Open) -> None:
    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(run_controls, "watch", broken)
        page = open_lab(task="adding")
        only_ours(page)
    page.run()
    assert not page.error and page.button


def fragment() -> None:
    import streamlit as st

    @st.fragment
    def part() -> None:
        if st.button("fail"):
            raise ZeroDivisionError("secret details")

    st.text("before")
    part()
    st.text("after")


def test_a_fragment_that_fails() -> None:
    page = AppTest.from_function(fragment).run()
    assert not page.error
    only_ours(page.button[0].click().run())
    assert page.text[0].value == "before", "the rest of the page stays"


def callback() -> None:
    import streamlit as st

    def fail() -> None:
        raise ZeroDivisionError("secret details")

    st.button("fail", on_click=fail)


def test_a_button_that_fails() -> None:
    page = AppTest.from_function(callback).run()
    only_ours(page.button[0].click().run())


def test_a_wrong_input_that_nobody_caught_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, open_lab: Open) -> None:
    def refuse(*_: object) -> None:
        raise UserError("hidden_size must be at most 256, not [9](http://evil.example) *now*.")

    monkeypatch.setattr(network_view, "show", refuse)
    page = open_lab(task="adding")
    (error,) = page.error
    assert error.value == plain("hidden_size must be at most 256, not [9](http://evil.example) *now*.")
    assert r"\[9\]" in error.value


def test_control_flow_is_no_fault() -> None:
    def page() -> None:
        import streamlit as st

        if "again" not in st.session_state:
            st.session_state.again = True
            st.rerun()
        st.text("there")
        st.stop()

    ran = AppTest.from_function(page).run()
    assert not ran.error and ran.text[0].value == "there"
