from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

from rnn_explorer.ui import session, socket, visitor
from tests.ui.pages import PATIENCE, Browser, endpoint


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with endpoint() as found:
        yield found
    session.close_engine()


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
