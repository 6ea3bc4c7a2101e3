"""Pages whose network or server is gone for a while, and as many as one person opens."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Server, Visitor, start_server
from tests.ui.poor_line import PoorLine

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=rnn&hidden_size=4&seq_len=6&steps=1000000"
AWAY = 30.0  # seconds without network
TABS = 20


def view(page: Visitor, part: str) -> int:
    """A number of the view's own."""
    return int(page.page.evaluate(f"__rnnExplorer.get('lab').{part}") or 0)


def forgive(page: Visitor) -> None:
    """Leave before the proxy does; a browser whose network was gone has said so."""
    page.page.goto("about:blank")
    page.complaints.clear()


@pytest.mark.parametrize("way", ["hush", "vanish"])
def test_a_page_comes_back_by_itself_from_half_a_minute_without_network(way: str, server: Server, visit: Visit) -> None:
    """Once nothing comes through and nobody is told, once there is no such server."""
    with PoorLine(server.port) as line:
        lab = visit(at=Server(line.port, server.process)).open(SMALL)
        lab.page.evaluate("__rnnExplorer.get('lab').choose('unit', '2')")
        lab.wait("__rnnExplorer.get('lab').chosen.unit === 2")
        lab.press("play")
        lab.past(5)
        begun = time.monotonic()
        getattr(line, way)()
        chip = lab.page.locator(".rx-chip-line")
        expect(chip).to_contain_text(re.compile("Not connected; trying again (in [1-9]|now)"), timeout=40_000)
        lab.page.wait_for_timeout(max(0.0, begun + (AWAY if way == "hush" else 5.0) - time.monotonic()) * 1000)
        expect(chip).to_contain_text("Not connected")
        step, carried = lab.drawn(), line.carried
        line.mend()
        expect(chip).to_contain_text("Connected again")
        lab.past(step)
        assert line.carried - carried < 1_000_000, "what was missed is not sent"
        assert view(lab, "chosen.unit") == 2 and view(lab, "selection.unit") == 2
        first, since = view(lab, "connection.frame"), time.monotonic()
        lab.page.wait_for_timeout(1000)
        assert view(lab, "connection.frame") - first <= 15 * (time.monotonic() - since) + 2, "no queue comes"
        expect(chip).to_be_hidden()
        lab.pause()
        lab.status("paused")
        forgive(lab)


def test_a_page_comes_back_when_a_proxy_said_502_while_the_server_was_restarted(
    own_server: Server, visit: Visit
) -> None:
    with PoorLine(own_server.port) as line:
        line.answers_for = True
        lab = visit(at=Server(line.port, own_server.process)).open(SMALL)
        lab.press("step")
        expect(lab.view).to_have_attribute("data-drawn", "1")
        run = lab.run_id()
        own_server.process.send_signal(signal.SIGTERM)
        own_server.process.wait(20)
        expect(lab.page.locator(".rx-chip-line")).to_contain_text("Not connected")
        lab.page.wait_for_timeout(2000)
        own_server.process = start_server(own_server.port).process
        # Runs live as long as their server: the page shows the same experiment anew, and says so.
        expect(lab.page.get_by_text(re.compile("restarted from the same settings")).first).to_be_visible(timeout=60_000)
        lab.ready()
        assert lab.run_id() != run
        lab.press("step")
        expect(lab.view).to_have_attribute("data-drawn", "1")
        forgive(lab)


def test_twenty_tabs_of_one_browser_all_live(server: Server, window: BrowserContext) -> None:
    """A browser opens six connections to one server; a page that needs one of them leaves none to the seventh.

    The pace is one step a second, since twenty pages that draw as fast as they can need more than this machine.
    """
    tabs = [Visitor(window.new_page(), server).open(f"{SMALL}&speed_limit=1", figures=("curves",))]
    run = tabs[0].run_id()
    try:
        for _ in range(TABS - 1):
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
