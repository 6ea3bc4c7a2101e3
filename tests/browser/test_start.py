"""A page that is opened before any worker is ready: the server is there after a second, PyTorch after some more."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from rnn_explorer.views import VIEWS
from tests.browser.conftest import PATIENCE, Visitor, start_server

Visit = Callable[..., Visitor]
SENTENCE = "Starting PyTorch; a first start takes some ten seconds."


class HeldServer:
    """A server whose first worker stands still on its way up, until it is let go."""

    def __init__(self, folder: Path) -> None:
        self.server = start_server(folder)
        deadline = time.monotonic() + PATIENCE / 1000
        while not (workers := self.server.workers()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (self.worker,) = workers  # the others wait for the first
        os.kill(self.worker, signal.SIGSTOP)

    def let_go(self) -> None:
        os.kill(self.worker, signal.SIGCONT)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldServer]:
    found = HeldServer(tmp_path)
    yield found
    found.server.process.kill()
    found.server.process.wait()
    if found.worker in found.server.workers():
        os.kill(found.worker, signal.SIGKILL)


def boxes(visitor: Visitor, kind: str) -> list[list[int]]:
    script = (
        f"[...document.querySelectorAll('.rx-grid > .{kind}')].map((e) => e.getBoundingClientRect())"
        ".map((b) => [b.x, b.y, b.width, b.height].map(Math.round))"
    )
    return visitor.page.evaluate(script)


def opened(held: HeldServer, visit: Visit, **how: object) -> Visitor:
    visitor = visit(at=held.server, **how)
    visitor.page.goto(held.server.url)
    expect(visitor.page.locator(".rx-words")).to_have_text(SENTENCE)
    return visitor


def started(visitor: Visitor) -> None:
    """Wait until the panels are there, which takes seconds of a core."""
    expect(visitor.page.locator(".rx-block")).to_have_count(0, timeout=4 * PATIENCE)


def test_a_page_without_a_worker_shows_where_its_panels_will_stand_and_what_is_pressed_meanwhile_counts(
    held: HeldServer, visit: Visit
) -> None:
    lab = opened(held, visit)
    blocks = boxes(lab, "rx-block")
    assert len(blocks) == len(VIEWS.get("lab").usual) and not boxes(lab, "rx-panel")
    about = lab.page.locator(".rx-about").inner_text()  # what is known without a worker: the settings
    told = lab.view.inner_text().replace(about, "")
    assert SENTENCE in told and not re.search(r"\d|loss|accuracy|training", told.replace(SENTENCE, "")), told
    assert lab.view.locator("svg").count() == 0
    expect(lab.page.locator(".rx-note")).to_be_hidden()
    expect(lab.page.locator(".rx-grid")).to_have_attribute("aria-busy", "true")
    expect(lab.page.locator(".rx-block").first).to_have_attribute("aria-hidden", "true")
    lab.page.keyboard.press("p")
    expect(lab.page.locator(".rx-words")).to_have_text(f"{SENTENCE} Training begins as soon as that is done.")
    expect(lab.play).to_contain_text("Pause")
    assert boxes(lab, "rx-block")

    cell = opened(held, visit, width=900, scheme="dark")  # somebody else, who wants nothing to move
    cell.go("Cell", "cell")
    expect(cell.page.locator(".rx-words")).to_have_text(SENTENCE)
    moves = "getComputedStyle(document.querySelector('.rx-block')).animationName"
    assert cell.page.evaluate(moves) != "none"
    cell.page.emulate_media(reduced_motion="reduce")
    assert cell.page.evaluate(moves) == "none"
    assert len(boxes(cell, "rx-block")) == len(VIEWS.get("cell").usual)
    cell.press("play")
    expect(cell.play).to_contain_text("Pause")

    held.let_go()
    for visitor in (lab, cell):
        visitor.page.bring_to_front()
        started(visitor)
        visitor.past(0)
    assert [panel[2:] for panel in boxes(lab, "rx-panel")] == [block[2:] for block in blocks]
    expect(lab.page.locator(".rx-grid")).not_to_have_attribute("aria-busy", "true")
    expect(lab.page.locator(".rx-numbers")).to_contain_text("step")
