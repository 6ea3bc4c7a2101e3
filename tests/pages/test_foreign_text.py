"""Whatever comes from an address, a file or somebody's keyboard is shown as text, and shortly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.tasks.user_data import store
from rnn_explorer.ui.plain import LONGEST

Open = Callable[..., AppTest]
LINK = "[win](http://evil.example)"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


def told(page: AppTest) -> list[str]:
    return [element.value for element in (*page.warning, *page.error, *page.info, *page.toast)]


def is_text(sentence: str) -> bool:
    """Whether nothing in it is a link, bold, or longer than a sentence."""
    return "](" not in sentence.replace(r"\](", "") and "://" not in sentence and len(sentence) < 2 * LONGEST


@pytest.mark.parametrize(
    "query",
    [
        {"cell": LINK}, {LINK: "1"}, {"task": LINK}, {"hidden_size": LINK}, {"cell": "x" * 30_000}, {"x" * 30_000: "1"},
        {"task": "*" * 30_000}, {"run": LINK}, {"task": "own_series", "columns": LINK}, {"seed": "http://evil.example"},
        {"task": "own_series", "label": "http://evil.example", "kind": "classification"},
    ],
)  # fmt: skip
def test_an_address_is_answered_in_plain_text(open_lab: Open, query: dict[str, str]) -> None:
    page = open_lab(**query)
    assert told(page) and all(map(is_text, told(page))), told(page)


def test_a_settings_text_is_answered_in_plain_text(open_lab: Open) -> None:
    page = open_lab(task="own_series")
    next(box for box in page.text_input if box.key.startswith("set:columns:")).set_value(LINK).run()
    assert told(page) and all(map(is_text, told(page))), told(page)
