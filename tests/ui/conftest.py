from __future__ import annotations

import contextlib
import socket as sockets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.ui import socket, visitor
from tests.ui.pages import PATIENCE, Browser, endpoint
from tests.ui.serving import Serving, start, stop


@pytest.fixture(scope="module")
def port(one_engine: LocalEngine) -> Iterator[int]:
    with endpoint() as found:
        yield found
    for run in list(one_engine._runs.values()):
        one_engine.command(run.run_id, "stop")


@pytest.fixture(scope="session")
def nowhere() -> Iterator[sockets.socket]:
    """The way to the internet of `serving`: it takes every connection and never answers."""
    with sockets.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory, nowhere: sockets.socket) -> Iterator[Serving]:
    """A real server for whoever does not end it."""
    way = f"http://127.0.0.1:{nowhere.getsockname()[1]}"
    running = start(tmp_path_factory.mktemp("server"), HTTP_PROXY=way, http_proxy=way, NO_PROXY="", no_proxy="")
    yield running
    stop(running)


@pytest.fixture
def browse(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Browser]]:
    """Open connections; `visitor` says whose."""
    monkeypatch.setattr(visitor, "of", lambda scope: dict(scope["headers"]).get(b"x-visitor", b"").decode() or None)
    with contextlib.ExitStack() as open_lines:

        def make(visitor: str = "anna", at: int = 0, **more: Any) -> Browser:
            address = f"ws://127.0.0.1:{at or port}/explorer/socket"
            headers = {"x-visitor": visitor}
            return Browser(
                open_lines.enter_context(connect(address, additional_headers=headers, max_size=None, **more))
            )

        yield make
    deadline = time.monotonic() + PATIENCE
    while socket._pages and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not socket._pages_of, "who is gone is not counted"
