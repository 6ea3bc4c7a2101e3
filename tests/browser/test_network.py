"""Pages whose network or server is poor or gone for a while, and as many as one person opens."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Server, Visitor, start_server
from tests.ui.poor_line import PoorLine

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=rnn&hidden_size=4&seq_len=6&steps=1000000"


def view(page: Visitor, part: str) -> int:
    """A number of the view's own."""
    return int(page.page.evaluate(f"__rnnExplorer.get('lab').{part}") or 0)


def forgive(page: Visitor) -> None:
    """Leave before the proxy does; a browser whose network was gone has said so."""
    page.page.goto("about:blank")
    page.complaints.clear()


@pytest.mark.parametrize("way", ["vanish", *(pytest.param(way, marks=pytest.mark.long) for way in ("hush", "cut"))])
def test_a_page_comes_back_by_itself_from_a_poor_network_and_from_none(way: str, server: Server, visit: Visit) -> None:
    """There is no server, or all breaks, or nothing comes through and nobody is told, which takes half a minute."""
    with PoorLine(server.port) as line:
        lab = visit(at=Server(line.port, server.process)).open(SMALL)
        lab.page.evaluate("__rnnExplorer.get('lab').choose('unit', '2')")
        lab.wait("__rnnExplorer.get('lab').chosen.unit === 2")
        lab.press("play")
        lab.past(5)
        line.rate, line.round_trip, line.loss = 1e6, 0.2, 0.02
        for _ in range(3):
            lab.past(lab.drawn())  # slower, but it goes on
        line.rate = line.round_trip = line.loss = 0.0
        getattr(line, way)()
        chip = lab.page.locator(".rx-chip-line")
        expect(chip).to_contain_text(re.compile("Not connected; trying again (in [1-9]|now)"), timeout=40_000)
        if way == "cut":
            lab.page.wait_for_timeout(3000)  # it is tried, in vain
        expect(chip).to_contain_text("Not connected")
        step, carried = lab.drawn(), line.carried
        line.mend()
        expect(chip).to_contain_text("Connected again")
        lab.past(step)
        assert line.carried - carried < 1_000_000, "what was missed is not sent"
        assert view(lab, "chosen.unit") == 2 and view(lab, "selection.unit") == 2
        first, since = view(lab, "connection.frame"), time.monotonic()
        expect(chip).to_be_hidden()
        assert view(lab, "connection.frame") - first <= 15 * (time.monotonic() - since) + 2, "no queue comes"
        lab.pause()
        lab.status("paused")
        forgive(lab)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "Z"


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_page_outlives_its_workers_and_its_server(own_server: Server, visit: Visit, tmp_path: Path) -> None:
    """Workers are killed, the server is told to end and started again behind a proxy that says 502, then killed."""
    with PoorLine(own_server.port) as line:
        line.answers_for = True
        lab = visit(at=Server(line.port, own_server.process)).open(SMALL)
        lab.press("play")
        lab.past(100)
        before = own_server.workers()
        assert before
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        lab.status("interrupted")
        expect(lab.page.locator(".rx-note")).to_contain_text("Press Resume")
        assert wait(
            lambda: len(own_server.workers()) == len(before) and not set(before) & set(own_server.workers()), 20
        )
        expect(lab.play).to_contain_text("Resume")
        run, step = lab.run_id(), int(lab.view.get_attribute("data-step") or 0)
        lab.press("play")
        lab.status("training")
        lab.past(step)

        workers = own_server.workers()
        own_server.process.send_signal(signal.SIGTERM)  # while the run is watched
        assert wait(lambda: own_server.process.poll() is not None, 5), "the server must end within 5 s"
        assert wait(lambda: all(gone(pid) for pid in workers), 2), "nothing may be left behind"
        expect(lab.page.locator(".rx-chip-line")).to_contain_text("Not connected")
        step = int(lab.view.get_attribute("data-step") or 0)
        own_server.process = start_server(tmp_path, own_server.port).process
        # Runs outlive their server: the page comes back with this one, and says how to go on.
        expect(lab.page.locator(".rx-chip-line")).to_be_hidden(timeout=60_000)
        lab.status("interrupted")
        expect(lab.page.locator(".rx-note")).to_contain_text("The server ended at step")
        expect(lab.play).to_contain_text("Resume")
        assert lab.run_id() == run
        lab.press("play")
        lab.past(step)
        forgive(lab)

    workers = own_server.workers()
    assert workers
    own_server.process.kill()
    own_server.process.wait()
    assert wait(lambda: all(gone(pid) for pid in workers), 5), "a killed server leaves no workers"


@pytest.mark.parametrize("number", [7, pytest.param(20, marks=pytest.mark.long)])
def test_many_tabs_of_one_browser_all_live(server: Server, window: BrowserContext, number: int) -> None:
    """A browser opens six connections to one server; a page that needs one of them leaves none to the seventh.

    The pace is one step a second, since twenty pages that draw as fast as they can need more than this machine.
    """
    tabs = [Visitor(window.new_page(), server).open(f"{SMALL}&speed_limit=1", figures=("curves",))]
    run = tabs[0].run_id()
    try:
        for _ in range(number - 1):
            tabs.append(Visitor(window.new_page(), server).open(f"run={run}", figures=("curves",)))
        tabs[0].page.bring_to_front()
        tabs[0].press("play")
        for tab in tabs:
            tab.page.bring_to_front()
            tab.past(0)
        tabs[0].page.bring_to_front()
        tabs[0].pause()
        tabs[0].status("paused")
        step = int(tabs[0].view.get_attribute("data-step") or 0)
        for tab in tabs:
            tab.page.bring_to_front()
            expect(tab.view).to_have_attribute("data-drawn", str(step))
    finally:
        for tab in tabs:
            tab.page.close()
