"""The app that is served, and the options of its server."""

from __future__ import annotations

import os

import pytest

from rnn_explorer.ui import application


def test_the_pages_are_found_from_anywhere() -> None:
    assert application.FRAME.is_absolute() and (application.FRAME.parent / "lab.py").is_file()


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--server.nosuch", "1"], "No such option '--server.nosuch'"),
        (["--server.port", "high"], "'high' is not a valid integer"),
        (["lab.py"], "lab.py is no option of the server."),
    ],
)
def test_a_bad_option_is_a_sentence(options: list[str], sentence: str) -> None:
    with pytest.raises(application.BadOption) as raised:
        application.given(options)
    assert sentence in str(raised.value)


def test_options_come_by_their_names_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STREAMLIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMLIT_SERVER_ENABLE_CORS", "false")
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", "1")
    found = application.given(["--server.port", "8600", "--server.allowedHosts", "a", "--server.allowedHosts", "b"])
    assert found == {"server.port": 8600, "server.enableCORS": False, "server.allowedHosts": ("a", "b")}
