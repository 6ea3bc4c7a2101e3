"""A page of a Streamlit app as a browser opens it, without the browser: cookies, websocket, widgets.

It sends what a page of the installed Streamlit sends: a request for the page (which brings the visitor's cookie), for
its health (which brings a token against forged requests) and its settings, then the websocket, over which the page asks
for its script to be run with the address's query and the widgets' values. Elements come back one by one; large ones
that a page already has come as a reference. Widgets that were never touched are left out: the server has their
defaults.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 300.0  # seconds for anything; a hundred pages opened at once wait long on a small machine
_XSRF = "_streamlit_xsrf"
_NO_TOKEN = "PLACEHOLDER_AUTH_TOKEN"  # what a page sends that has none


class Waiting:
    """Waits for what other tasks bring about. These call `tell` after every change."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._fault: BaseException | None = None

    def tell(self) -> None:
        self._news.set()

    def fail(self, task: asyncio.Task[None]) -> None:
        """What brings the changes about has ended; a callback for tasks."""
        if not task.cancelled():
            self._fault = task.exception() or ConnectionError("the server hung up")
            self.tell()

    async def until(self, what: str, condition: Callable[[], Any]) -> Any:
        """The condition's answer once it is true; TimeoutError after `PATIENCE`."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            if self._fault is not None:
                raise self._fault
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), deadline - time.monotonic())
            except TimeoutError:
                raise TimeoutError(f"{what}: not within {PATIENCE:g} s") from None
        return found


# -- plain requests -----------------------------------------------------------------------------------------------


async def request(address: str, headers: Mapping[str, str]) -> tuple[int, list[tuple[str, str]], AsyncIterator[bytes]]:
    """GET an address: status, headers, and the body as it comes, as it was sent (perhaps compressed)."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {text}" for name, text in headers.items())]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    status = int((await reader.readline()).split()[1])
    fields = []
    while line := (await reader.readline()).strip().decode("latin-1"):
        name, _, text = line.partition(":")
        fields.append((name.lower(), text.strip()))
    return status, fields, _body(reader, writer, dict(fields))


async def _body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: Mapping[str, str]
) -> AsyncIterator[bytes]:
    try:
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                yield await reader.readexactly(size)
                await reader.readexactly(2)
        else:
            yield await reader.read()
    finally:
        writer.close()


async def fetch(address: str, cookies: dict[str, str], accept: str = "*/*", encodings: str = "identity") -> bytes:
    """The body of an answer, as it was sent; cookies are sent and kept.

    Raises:
        ConnectionError: when the answer is not the thing asked for.
    """
    headers = {"Accept": accept, "Accept-Encoding": encodings, **cookie_header(cookies)}
    status, fields, body = await request(address, headers)
    content = b"".join([part async for part in body])
    if status != 200:
        raise ConnectionError(f"{address} answers {status}: {content[:200].decode(errors='replace')}")
    for name, text in fields:
        if name == "set-cookie":
            key, _, value = text.partition(";")[0].partition("=")
            cookies[key] = value
    return content


def cookie_header(cookies: Mapping[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}


# -- the page -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Widget:
    """An element that can be used.

    Attributes:
        element: as Streamlit describes it.
        fragment: the part of the script that it belongs to, which alone is run again; "" for the whole.
    """

    element: Any
    fragment: str


class Page:
    """One open page.

    Args:
        address: of the server.
        waiting: told of every change.

    Attributes:
        query: of the page's address, as the script has written it.
        widgets: by the last part of their id, which is the key that the script gave them.
        kinds: of all elements there were, as Streamlit names them.
        alerts: what stands in boxes of warnings and errors.
        received: bytes that came over the websocket.
        finished: how often the script has run to an end.
    """

    def __init__(self, address: str, waiting: Waiting) -> None:
        self.address, self.waiting = address, waiting
        self.query = ""
        self.cookies: dict[str, str] = {}
        self.widgets: dict[str, Widget] = {}
        self.kinds: set[str] = set()
        self.alerts: list[str] = []
        self.received = self.finished = 0
        self._kept: dict[str, Delta] = {}  # by hash: what the server may refer to
        self._script = self._name = ""
        self._states: dict[str, str] = {}
        self._socket: ClientConnection | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def open(self, query: str, name: str = "") -> None:
        """Open the page, or another one of the app by its name in the address, and have its script run."""
        self.query, self._name = query, name
        await fetch(f"{self.address}/{name}?{query}", self.cookies, "text/html,application/xhtml+xml,*/*;q=0.8")
        await fetch(f"{self.address}/_stcore/health", self.cookies)
        await fetch(f"{self.address}/_stcore/host-config", self.cookies)
        self._socket = await open_websocket(
            self.address, "/_stcore/stream", self.cookies, ["streamlit", self.cookies.get(_XSRF, _NO_TOKEN)]
        )
        self._hearing = asyncio.create_task(self._hear(self._socket))
        self._hearing.add_done_callback(self.waiting.fail)
        await self._run()

    async def press(self, button: Widget) -> None:
        """Press a button."""
        await self._run(button.fragment, button.element.id)

    async def report(self, component: Widget, state: str) -> None:
        """Have a component tell its state, as JSON."""
        self._states[component.element.id] = state
        await self._run(component.fragment)

    async def close(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def _run(self, fragment: str = "", pressed: str = "") -> None:
        message = BackMsg()
        wish = message.rerun_script
        wish.query_string, wish.page_script_hash, wish.fragment_id = self.query, self._script, fragment
        wish.page_name = "" if self._script else self._name
        wish.cached_message_hashes.extend(self._kept)
        wish.context_info.timezone, wish.context_info.timezone_offset = "UTC", 0
        wish.context_info.locale, wish.context_info.url = "en-US", f"{self.address}/{self._name}?{self.query}"
        for name, state in self._states.items():
            wish.widget_states.widgets.add(id=name, json_value=state)
        if pressed:
            wish.widget_states.widgets.add(id=pressed, trigger_value=True)
        assert self._socket is not None
        await self._socket.send(message.SerializeToString())

    async def _hear(self, socket: ClientConnection) -> None:
        async for raw in socket:
            assert isinstance(raw, bytes)
            self.received += len(raw)
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._script = message.new_session.page_script_hash or self._script
            elif kind == "navigation":
                self._script = message.navigation.page_script_hash or self._script
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "script_finished":
                self.finished += 1
            elif kind == "delta":
                if message.metadata.cacheable:
                    self._kept[message.hash] = message.delta
                self._show(message.delta)
            elif kind == "ref_hash":
                self._show(self._kept[message.ref_hash])
            self.waiting.tell()

    def _show(self, delta: Delta) -> None:
        if delta.WhichOneof("type") != "new_element":
            return
        kind = str(delta.new_element.WhichOneof("type"))
        self.kinds.add(kind)
        element = getattr(delta.new_element, kind)
        if kind == "alert":
            self.alerts.append(element.body)
        if name := getattr(element, "id", ""):
            self.widgets[name.split("-", 2)[-1]] = Widget(element, delta.fragment_id)


async def open_websocket(
    address: str, path: str, cookies: Mapping[str, str], subprotocols: list[str] | None = None
) -> ClientConnection:
    """A websocket as a page of this server opens it.

    Raises:
        websockets.exceptions.InvalidHandshake: when the server does not want it.
    """
    return await connect(
        address.replace("http", "ws", 1) + path,
        origin=Origin(address),
        subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols else None,
        additional_headers=cookie_header(cookies),
        open_timeout=PATIENCE,
        ping_interval=None,  # a browser's scripts cannot
        max_size=None,
        proxy=None,
    )
