"""A real server and a real Chromium. Nothing here skips: without a browser the tests fail."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    TimeoutError,
    expect,
    sync_playwright,
)

from tests.browser.install import find

ROOT = Path(__file__).parents[2]
# Without the graphics processor, drawing takes least time where no part of the browser pretends to have one.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-gpu-rasterization", "--disable-gpu-compositing"]
ARGUMENTS += ["--disable-quic", "--disable-background-networking"]
LAB = ("curves", "prediction", "states", "state_trajectory", "gates")  # the figures of the lab
NO_BROWSER = "No Chromium: run `python -m tests.browser.install`."
PATIENCE = 30_000  # ms: for a machine that is busy with other things

# Streamlit is told, as by the browser's Back, that the page is at this address now: the app stays loaded.
ENTER = """(address) => {
    document.activeElement?.blur();
    History.prototype.pushState.call(history, null, '', address);
    dispatchEvent(new PopStateEvent('popstate', { state: null }));
}"""
# Whether this view shows another run than `before`, whole and at rest. Until it does, no old drawing counts.
ENTERED = """(() => {
    const run = new URL(location.href).searchParams.get('run');
    const view = [...window.__rnnExplorer.values()].find((one) => one.root.isConnected);
    const { dataset } = view.root;
    const there = run && run !== 'BEFORE' && view.run === run && view.filled && dataset.view === 'VIEW';
    if (!there) dataset.drawn = '';
    return there && dataset.drawn && dataset.drawn === dataset.step;
})()"""
# Whether something lies over the page.
COVERED = "document.querySelector('.rx-presenting, .rx-large, [role=dialog], dialog[open]') !== null"
# Where the panels stand, once neither that nor, unless they are `moving`, what they show nor Streamlit's script has
# changed for `ms`.
STILL = """async ([ms, moving, patience]) => {
    const round = (panel) => Object.values(panel.getBoundingClientRect().toJSON()).slice(0, 4).map(Math.round);
    const seen = () => {
        const panels = [...document.querySelectorAll('.rx-view .rx-panel')].filter((panel) => panel.offsetHeight);
        const drawings = panels.map(({ dataset }) => [dataset.figure, dataset.updates, dataset.repaints]);
        const busy = document.querySelector('[data-test-script-state=running]') ? performance.now() : 0;
        return [JSON.stringify(panels.map(round)), ...(moving ? [] : [JSON.stringify(drawings), busy])].join(';');
    };
    const deadline = performance.now() + patience;
    for (let last = seen(), since = performance.now(); performance.now() < deadline;) {
        await new Promise((go_on) => setTimeout(go_on, 40));
        const now = seen();
        if (now !== last) [last, since] = [now, performance.now()];
        if (performance.now() - since >= ms) return last.split(';')[0];
    }
    return null;
}"""

expect.set_options(timeout=PATIENCE)


@dataclass
class Server:
    """A running `streamlit run app.py`."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def workers(self) -> list[int]:
        """Process ids of the workers, which are the server's children."""
        shown = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        return [int(line.split()[0]) for line in shown.stdout.splitlines() if "rnn_explorer.engine.worker" in line]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(folder: Path, port: int = 0) -> Server:
    """Start the app with its data in a folder, on a free port where none is named."""
    port = port or free_port()
    environment = {
        **os.environ, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "RNN_EXPLORER_DATA": str(folder)
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server = Server(port, process)
    for _ in range(300):
        try:
            with urllib.request.urlopen(server.url + "_stcore/health", timeout=2):
                return server
        except OSError:
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise RuntimeError("the server did not start")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may stop or kill, with its data in the test's folder."""
    running = start_server(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("data"))
    yield running
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(10)


@dataclass(eq=False)
class Visitor:
    """One browser window on the lab, with what its console and its network said."""

    page: Page
    server: Server
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    opened: str = ""  # the query that was opened last

    def open(self, query: str = "", page: str = "", figures: tuple[str, ...] = (), anew: bool = False) -> Visitor:
        """Open an experiment on a page (the lab where none is named), at full speed, and wait until it is drawn.

        A window that has the app open stays in it, as by the browser's Back, which takes a quarter of the time; `anew`
        loads all of it again, with a new session.
        """
        query = query if "pace=" in query or "run=" in query else f"{query}&pace=fast".lstrip("&")
        if query == self.opened and "seed=" not in query:
            query += "&seed=0"  # which is the default; Back to what was opened before would find its run
        loaded = not anew and self.page.url.startswith(self.server.url) and "run=" in self.page.url
        if loaded and "run=" not in query and query != self.opened:
            before = self.run_id()
            self.page.evaluate(ENTER, f"/{page}?{query}")
            self.wait(ENTERED.replace("BEFORE", before).replace("VIEW", page or "lab"))
        else:
            self.page.goto(f"{self.server.url}{page}?{query}")
        self.opened = query
        self.ready(figures or (() if page else LAB))
        return self

    def ready(self, figures: tuple[str, ...] = LAB) -> None:
        """Until these figures are drawn; the first page of all waits for PyTorch, too."""
        expect(self.page.locator(".rx-view:not([data-waiting]):visible").first).to_be_visible(timeout=4 * PATIENCE)
        for name in figures:
            expect(self.page.locator(f".rx-{name} :is(.main-svg, .rx-picture > svg)").first).to_be_visible()

    def go(self, title: str, view: str) -> None:
        """To another page by its name in the navigation."""
        self.page.get_by_role("link", name=title, exact=True).click()
        expect(self.page.locator(f'.rx-view[data-view="{view}"]')).to_be_visible()

    def listen(self) -> None:
        """Note what the console and the network say."""
        self.page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type == "error" and not _sought(m) else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    @property
    def view(self):
        return self.page.locator(".rx-view:visible")

    @property
    def play(self) -> Locator:
        """The button that says Play, Pause or Resume."""
        return self.page.locator(".st-key-do-play button:visible").first

    def pause(self) -> None:
        """Press Pause, as soon as there is such a button: figures may move before it says so."""
        expect(self.play).to_contain_text("Pause")
        self.play.click()

    def leave(self) -> None:
        """Pause a run of one's own that still trains, since it would slow the next test down for minutes."""
        if self.page.url.startswith(self.server.url) and self.view.count():
            if self.view.get_attribute("data-status") == "training" and self.play.count():
                self.pause()
                expect(self.view).not_to_have_attribute("data-status", "training")

    def is_clean(self) -> bool:
        """Whether another test may go on in this window."""
        in_app = not self.page.is_closed() and self.page.url.startswith(self.server.url)
        return in_app and "present=" not in self.page.url and not self.page.evaluate(COVERED)

    def press(self, name: str) -> None:
        """Press one of the page's buttons: play (or pause), step, epoch, reset, test."""
        self.page.locator(f".st-key-do-{name} button:visible").first.click()

    def keyed(self, key: str) -> Locator:
        """The widget whose key begins so, once there is only one: an old edition stays for a moment."""
        widget = self.page.locator(f"[class*=st-key-{key}-]:visible")
        expect(widget).to_have_count(1)
        return widget

    def choose(self, box: Locator, option: str | re.Pattern[str]) -> None:
        """Choose an option of a box with a list, which a page that is still being built may close again."""
        wanted = self.page.get_by_role("option", name=option)
        for _ in range(5):
            expect(box).to_have_count(1)  # an old edition stays for a moment
            box.click()
            try:
                wanted.click(timeout=4000)
                return
            except TimeoutError:
                self.page.keyboard.press("Escape")
        raise AssertionError(f"{option} was never offered")

    def pick(self, place: Callable[[], tuple[float, float]], field: str, wanted: str) -> None:
        """Click a figure where `place` says until the selection's `field` matches `wanted`.

        A figure may turn or move between the moment that tells where something is and the click, which then chooses
        nothing or something else; so it is made again.
        """
        chosen = f"String(__rnnExplorer.get('{self.view.get_attribute('data-view')}').selection['{field}'] ?? '')"
        found = ""
        for _ in range(4):
            x, y = place()
            self.page.mouse.move(x + 30, y + 30)
            self.page.mouse.move(x, y)
            self.page.wait_for_timeout(100)
            self.page.mouse.click(x, y)
            for _ in range(10):
                found = self.page.evaluate(chosen)
                if re.fullmatch(wanted, found):
                    return
                self.page.wait_for_timeout(30)  # in all so long that the next click makes no double click
        below = self.page.evaluate("([x, y]) => (document.elementFromPoint(x, y) || {}).outerHTML", [x, y])
        raise AssertionError(f"a click at {x:.0f}, {y:.0f} made {field} {found!r}; there is {str(below)[:200]}")

    def status(self, word: str) -> None:
        expect(self.view).to_have_attribute("data-status", word)

    def drawn(self) -> int:
        """The step that the figures show."""
        return int(self.view.get_attribute("data-drawn") or -1)

    def wait(self, script: str) -> None:
        """Until the JavaScript condition holds. (Not `wait_for_function`, which the security headers forbid.)

        A figure that is being made anew lacks what the condition reads: it does not hold then.
        """
        guarded = f"(() => {{ try {{ return Boolean({script}) }} catch (error) {{ return `${{error}}` }} }})()"
        said: object = None
        deadline = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < deadline:
            said = self.page.evaluate(guarded)
            if said is True:
                return
            self.page.wait_for_timeout(30)
        raise AssertionError(f"never true: {script} ({said})")

    def still(self, ms: int = 300, moving: bool = False) -> str:
        """Where the panels stand, once they and, unless these are `moving`, their figures have rested for so long."""
        places = self.page.evaluate(STILL, [ms, moving, PATIENCE])
        assert places is not None, "the page never stands still"
        return places

    def past(self, step: int) -> None:
        """Until figures of a later step than this are drawn."""
        self.wait(f"Number(document.querySelector('.rx-view').dataset.drawn) > {step}")

    def run_id(self) -> str:
        return self.page.evaluate("new URL(location.href).searchParams.get('run')")


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser with a profile on disk, as people's are: it keeps what a page has fetched and compiled before."""
    path = find()
    assert path, NO_BROWSER
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        context = playwright.chromium.launch_persistent_context(profile, executable_path=path, args=ARGUMENTS)
        yield context
        context.close()


def _sought(message: ConsoleMessage) -> bool:
    """Streamlit, opened at a page's address, looks for its server below that page, too."""
    return "404" in message.text and bool(re.search(r"/\w+/_stcore/(health|host-config)$", message.location["url"]))


@pytest.fixture(scope="session")
def kept() -> dict[int, Visitor]:
    """Windows that tests leave to the next one: that of the first visitor, and those of somebody else."""
    return {}


@pytest.fixture
def visit(server: Server, window: BrowserContext, kept: dict[int, Visitor]) -> Iterator[Callable[..., Visitor]]:
    """Make visitors; when the test ends, none may have seen an error or asked another host for anything."""
    visitors: list[Visitor] = []
    strangers: list[BrowserContext] = []

    def make(
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        at: Server | None = None,
        beside: Visitor | None = None,
        alone: bool = False,
    ) -> Visitor:
        """The window of the test before, or `beside` another one; the second visitor has a browser of their own.

        A test that changes what a page keeps is `alone`: its window is new, and closed in the end.
        """
        who = len(visitors)
        shared = not (at or beside or alone)
        old = kept.pop(who, None) if shared else None
        context = beside.page.context if beside else old.page.context if old else window
        if who and not beside and not old:  # somebody else, who shares nothing with the first
            assert window.browser
            context = window.browser.new_context()
            strangers.extend([] if shared else [context])
        if old and not old.is_clean():
            old.page.close()
            old = None
        visitor = old or Visitor(context.new_page(), at or server)
        if old:
            visitor.complaints.clear()
            visitor.requests.clear()
            visitor.page.bring_to_front()
            visitor.page.mouse.move(5, 5)
        else:
            visitor.listen()
        visitor.page.set_viewport_size({"width": width, "height": height})
        visitor.page.emulate_media(color_scheme=scheme, reduced_motion="no-preference")  # type: ignore[arg-type]
        visitors.append(visitor)
        if shared:
            kept[who] = visitor
        return visitor

    yield make
    for visitor in visitors:
        visitor.leave()
        if visitor not in kept.values():
            visitor.page.close()
    for context in strangers:
        context.close()
    for visitor in visitors:
        assert not visitor.complaints, visitor.complaints
        foreign = [url for url in visitor.requests if not url.startswith((visitor.server.url, "data:", "blob:"))]
        assert not foreign, foreign
