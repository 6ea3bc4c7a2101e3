"""Pages are found by themselves, from what their files say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_explorer.ui import navigation
from rnn_explorer.ui.navigation import Page
from rnn_explorer.views import VIEWS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another folder of pages."""
    monkeypatch.setattr(navigation, "FRAME", tmp_path / "_frame.py")
    navigation.found.cache_clear()
    yield tmp_path
    navigation.found.cache_clear()


def test_there_is_a_page_for_every_view_and_the_lab_comes_first() -> None:
    pages = navigation.found()
    assert [page.title for page in pages] == ["Lab", "Cell", "Memory", "Dynamics", "Try it", "Data", "Runs"]
    assert {page.name for page in pages} - set(VIEWS.names()) == {"runs"}, "all others are about the run that is open"
    assert set(VIEWS.names()) <= {page.name for page in pages}
    assert len({page.order for page in pages}) == len(pages), "no two at one place"


def test_a_file_is_read_and_not_run_and_needs_to_say_nothing(folder: Path) -> None:
    (folder / "_frame.py").write_text("TITLE = 'not a page'")
    (folder / "plain.py").write_text("raise AssertionError('was run')")
    (folder / "runs.py").write_text("'''All runs.'''\nimport nothing\nTITLE = 'All runs'\nORDER = 7\nGROUP = 'Runs'\n")
    (folder / "notes.txt").write_text("TITLE = 'no page'")
    assert navigation.found() == (Page("runs", "All runs", 7, "Runs"), Page("plain", "Plain", navigation.LAST, ""))
