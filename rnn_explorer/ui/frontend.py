"""Streamlit's own frontend as this server sends it: scripts and styles compressed, and our style in its page.

Streamlit sends its files as they are, 2.7 MB for a page of ours, and leaves compressing them to a proxy. Their names
carry a hash, so that each is compressed once and a browser asks for it once.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import streamlit
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rnn_explorer.ui import scripts
from rnn_explorer.ui.compression import FOREVER, answer, compressed, takes_gzip

FOLDER = Path(streamlit.__file__).parent / "static"
_KINDS = {".js": "text/javascript", ".css": "text/css"}
_HASHED = re.compile(r"[^/]+\.[\w-]{8}\.(?:js|css)", re.ASCII)
_STYLES = (Path(__file__).with_name("page.css"), *scripts.STYLES)
EARLY = Path(__file__).with_name("early.js").read_bytes()  # runs before Streamlit's scripts


@functools.cache
def files() -> dict[str, Path]:
    """Streamlit's scripts and styles whose names carry a hash, by their path below the page's address."""
    paths = (path for folder in ("js", "css") for path in (FOLDER / "static" / folder).iterdir())
    return {f"/{path.relative_to(FOLDER).as_posix()}": path for path in paths if _HASHED.fullmatch(path.name)}


_TITLE = (b"<title>Streamlit</title>", b"<title>RNN Explorer</title>")
# An emoji would do as well, but Streamlit builds the catalog of all emojis to know that it is one.
_ICON = (
    b'href="./favicon.png"',
    b"href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    b"%3Crect width='32' height='32' rx='7' fill='%230072B2'/%3E%3Cg fill='none' stroke='white' "
    b"stroke-width='3' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath d='M22.5 11a8.5 8.5 0 1 0 2 5'/%3E"
    b"%3Cpath d='M23.5 5.5v6h-6'/%3E%3C/g%3E%3C/svg%3E\"",
)
# Streamlit loads the font of its icons, of 375 kB, with every page, by asking for a space in it. Without one it loads
# where an icon is shown.
_ICON_FONT = b"@font-face{font-family:Material Symbols Rounded;"
_NO_SPACE = _ICON_FONT + b"unicode-range:U+21-10FFFF;"


@functools.cache  # of a folder of 23 MB, which are 7 MB compressed; a page of ours takes 0.8 MB of them
def _compressed_file(path: Path) -> bytes:
    return compressed(path.read_bytes().replace(_ICON_FONT, _NO_SPACE))


@functools.lru_cache(maxsize=2)
def _styled(page: bytes) -> tuple[bytes, bytes]:
    """Streamlit's page with our style, title, icon and early script, and the same compressed."""
    style = b"<style>" + b"".join(path.read_bytes() for path in _STYLES) + b"</style>"
    whole = page.replace(*_TITLE).replace(*_ICON)
    whole = whole.replace(b"</head>", b"<script>" + EARLY + b"</script></head>", 1)
    whole = whole.replace(b"</body>", style + b"</body>", 1)  # after what Streamlit puts into the head
    return whole, compressed(whole)


class Frontend:
    """Answers for Streamlit's scripts and styles, and puts our style into its page, where it counts from the start.

    Args:
        app: what serves the pages.
        path: under which everything is served, "" for the root.
        elsewhere: beginnings of paths that are no pages.
    """

    def __init__(self, app: ASGIApp, path: str = "", elsewhere: tuple[str, ...] = ()) -> None:
        self.app, self.path, self.elsewhere = app, path, elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        file = files().get(scope["path"].removeprefix(self.path))
        if file is not None and takes_gzip(headers) and "range" not in headers:
            content = await run_in_threadpool(_compressed_file, file)
            about = {"cache-control": FOREVER}
            await answer(headers, b"", content, _KINDS[file.suffix], about)(scope, receive, send)
        elif scope["method"] == "GET" and not scope["path"].startswith(self.elsewhere):
            await self._page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and put our style into the answer where that is Streamlit's page."""
        headers, page = Headers(scope=scope), b""
        start: Message | None = None
        # A page that the browser has kept may have another style, and what Streamlit compressed cannot be added to.
        ours = (b"if-none-match", b"if-modified-since", b"accept-encoding")
        scope = {**scope, "headers": [(key, text) for key, text in scope["headers"] if key not in ours]}

        async def send_styled(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                page += message.get("body", b"")
                if not message.get("more_body", False):
                    received = MutableHeaders(raw=list(start["headers"]))
                    for name in ("content-length", "content-type", "etag", "last-modified", "accept-ranges"):
                        del received[name]
                    whole, smaller = _styled(page)
                    await answer(headers, whole, smaller, "text/html", dict(received))(scope, receive, send)

        await self.app(scope, receive, send_styled)


def _is_page(message: Message) -> bool:
    received = Headers(raw=message["headers"])
    is_plain = "content-encoding" not in received
    return message["status"] == 200 and is_plain and received.get("content-type", "").startswith("text/html")
