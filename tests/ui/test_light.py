"""A server shows every page, its figures and its downloads, and never loads torch: workers do."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from benchmarks.live_connection import Frame, LiveSocket
from benchmarks.streamlit_page import Page, Waiting, fetch
from benchmarks.students import component_data
from rnn_explorer.ui import navigation
from rnn_explorer.views import VIEWS
from tests.ui.serving import Serving, start, stop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
NAMES = {page.name: navigation.address(page) for page in navigation.found() if page.name in VIEWS}
FILES = {"lab": ["curves.csv", "curves.html"], "cell": ["cell.svg"]}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = start(tmp_path_factory.mktemp("light"))
    yield server
    stop(server)


def libraries(pid: int) -> set[str]:
    """Which of the heavy libraries a process has in its memory."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name in ("libtorch", "llvmlite", "pandas") if name in maps}


async def shown(serving: Serving, view: str, query: str) -> None:
    """Open a page and its connection, press Play, and see a frame of the training; download a figure."""
    waiting, frames = Waiting(), list[Frame]()
    page = Page(f"http://{serving.host}", waiting)

    def see(frame: Frame) -> None:
        frames.append(frame)
        waiting.tell()

    live = LiveSocket(page, see)
    try:
        await page.open(query, NAMES[view])
        told = component_data(await waiting.until("the view", lambda: page.widgets.get(view)))
        parts = {name: str(value) for name, value in told["ask"]}
        await live.open(told["run"], parts | {"viewer": secrets.token_hex(16)}, view)
        await waiting.until("a frame", lambda: [frame for frame in frames if frame.status == "ready"])
        await page.press(await waiting.until("Play", lambda: page.widgets.get("do:play")))
        await waiting.until("a step", lambda: [frame for frame in frames if frame.step > 0])
        for file in FILES.get(view, ()):
            address = f"{page.address}/explorer/figure/{told['run']}/{file}?{urlencode({'view': view, **parts})}"
            assert await fetch(address, page.cookies)
    finally:
        await live.close()
        await page.close()


def test_a_server_that_was_started_has_neither_torch_nor_pandas(serving: Serving) -> None:
    assert libraries(serving.process.pid) == set()


@pytest.mark.parametrize("view, task", [*zip(NAMES, itertools.cycle(["own_text", "flip_flop"]), strict=False)])
def test_a_page_is_shown_without_torch(serving: Serving, view: str, task: str) -> None:
    asyncio.run(asyncio.wait_for(shown(serving, view, f"task={task}&steps=100000&hidden_size=4"), 120))
    assert not libraries(serving.process.pid) & {"libtorch", "llvmlite"}
    assert any("libtorch" in libraries(worker) for worker in serving.workers()), "or this test sees nothing"
