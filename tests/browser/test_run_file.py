"""A run leaves the page as a file, and comes back as a run of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def test_a_run_is_exported_and_opened_again(visit: Visit, tmp_path: Path) -> None:
    lab = visit(alone=True).open("task=adding&cell=gru&seq_len=10&hidden_size=4&steps=9")
    lab.press("play")
    lab.status("finished")
    first = lab.run_id()
    lab.page.evaluate("__rnnExplorer.get('lab').share()")
    with lab.page.expect_download() as download:
        lab.page.get_by_role("link", name="Export this run as a file").click()
    assert download.value.suggested_filename == "adding-gru-step9.rnnx"
    download.value.save_as(tmp_path / "run.rnnx")
    lab.page.keyboard.press("Escape")
    lab.page.get_by_role("link", name="Data", exact=True).click()
    lab.page.get_by_text("Open a run file").click()
    lab.page.locator(".st-key-open-file input[type=file]").set_input_files(tmp_path / "run.rnnx")
    lab.wait(f"new URL(location.href).searchParams.get('run') !== '{first}'")
    expect(lab.view).to_have_attribute("data-view", "lab")
    lab.status("paused")
    expect(lab.view).to_have_attribute("data-drawn", "9")
    expect(lab.play).to_contain_text(re.compile("Play|Resume"))
