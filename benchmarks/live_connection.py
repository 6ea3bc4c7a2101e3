"""The explorer's own connection of a page, without the browser: frames of a run come, and what is kept of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection

from benchmarks.streamlit_page import Page, open_websocket

VIEW = "lab"
DRAWING = 0.02  # seconds that a browser takes to draw a frame before it asks for the next one


@dataclass(frozen=True)
class Frame:
    """What is kept of a frame.

    Attributes:
        at: the moment at which all of it was there, in seconds of `time.monotonic`.
        size: in bytes, as it was sent.
        status, step: of the run.
        filled: whether it holds figures that need a look into the network.
    """

    at: float
    size: int
    status: str
    step: int
    filled: bool


class LiveSocket:
    """The explorer's connection as a websocket: the server sends a frame when the page has drawn the last one."""

    def __init__(self, page: Page, seen: Callable[[Frame], None]) -> None:
        self._page, self._seen = page, seen
        self._socket: ClientConnection | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def open(self, run: str, query: Mapping[str, str], view: str = VIEW) -> None:
        self._socket = await open_websocket(self._page.address, "/explorer/socket", self._page.cookies)
        await self._say({"type": "open", "protocol": 1, "run": run, "view": view, "query": dict(query)})
        self._hearing = asyncio.create_task(self._hear(self._socket))
        self._hearing.add_done_callback(self._page.waiting.fail)

    async def _hear(self, socket: ClientConnection) -> None:
        number = 0
        panels: list[str] = []
        async for raw in socket:
            arrived = time.monotonic()
            if isinstance(raw, str):
                header = json.loads(raw)
                if header["type"] != "ping":
                    raise ConnectionError(f"the server says: {raw[:200]}")
                await self._say({"type": "ping"})
                continue
            header = json.loads(raw[4 : 4 + int.from_bytes(raw[:4], "little")])
            status, panels = header["status"], header.get("panels", panels)
            self._seen(Frame(arrived, len(raw), status["status"], status["step"], "tools" in header))
            number += 1
            await asyncio.sleep(DRAWING)
            took = round(1000 * (time.monotonic() - arrived))
            await self._say({"type": "ready", "frame": number, "took": took, "sight": panels})

    async def _say(self, words: Mapping[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(words))

    async def close(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
        if self._socket is not None:
            await self._socket.close()
