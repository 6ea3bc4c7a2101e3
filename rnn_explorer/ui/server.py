"""What the server does besides running pages: routes, headers, whom it answers, and the life of the workers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit
import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rnn_explorer.tasks.user_data import store
from rnn_explorer.ui import (
    descriptors,
    downloads,
    faults,
    films,
    quiet,
    run_files,
    scripts,
    secret,
    session,
    socket,
    uploads,
)  # fmt: skip
from rnn_explorer.ui.access import Access
from rnn_explorer.ui.frontend import EARLY, Frontend
from rnn_explorer.ui.server_settings import prefix
from rnn_explorer.ui.visitor import Visitors

_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def _inline_script_hashes() -> str:
    # Streamlit's own page holds a small inline script, and we add one; naming them by hash lets them run and no other.
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    inline = [*_INLINE_SCRIPT.findall(page.read_bytes()), EARLY]
    digests = (hashlib.sha256(script).digest() for script in inline)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


# Everything comes from this server and goes nowhere else; the page works without the internet.
# Streamlit's components are modules made from blobs, its styles are inline, its downloads are blobs.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' 'wasm-unsafe-eval' blob: {_inline_script_hashes()}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
}
_SWEEP_EVERY = 60.0  # seconds
_TIDY_EVERY = 3600.0  # seconds
LARGEST_MESSAGE = 4 * 2**20  # bytes of a websocket's message to the server, which is held whole before anybody reads it
GRACE = 2  # seconds that open connections have when the server is told to end
_log = logging.getLogger(__name__)


class SecurityHeaders:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in known]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def routes() -> list[BaseRoute]:
    """The page's scripts, its connection, and the downloads of figures, runs and films."""
    return [
        Route(f"{prefix()}/explorer/plotly.min.js", scripts.plotly),
        Route(f"{prefix()}/explorer/modules/{{digest}}/{{name}}", scripts.module),
        Route(f"{prefix()}/explorer/figure/{{run_id}}/{{name}}.{{form}}", downloads.download),
        Route(f"{prefix()}/explorer/run/{{run_id}}.rnnx", run_files.export),
        Route(f"{prefix()}/explorer/film/{{run_id}}", films.download),
        WebSocketRoute(f"{prefix()}/explorer/socket", socket.endpoint),
    ]


def middleware() -> list[Middleware]:
    """What every request goes through before a route sees it, outermost first."""
    ours = f"{prefix()}/explorer/"
    no_pages = (ours, *(f"{prefix()}/{part}/" for part in ("_stcore", "static", "media", "component", "app")))
    return [
        Middleware(SecurityHeaders),
        Middleware(Access, bodiless=ours),
        Middleware(Visitors, path=prefix(), elsewhere=no_pages),
        Middleware(Frontend, path=prefix(), elsewhere=no_pages),
    ]


async def fault(request: Request, error: Exception) -> Response:
    """The answer to a request that failed. It is made outside of all middleware, so that the headers are added here."""
    answer = await faults.answered(request, error)
    answer.headers.update(HEADERS)
    return answer


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncGenerator[None, None]:
    """Workers are started before the first visitor comes, and ended with the server."""
    quiet.quieten()
    descriptors.raise_limit()
    secret.key()
    session.engine()
    socket.accept()
    _hang_up_first()
    sweeping = [
        asyncio.create_task(_every(_SWEEP_EVERY, uploads.sweep)),
        asyncio.create_task(_every(_TIDY_EVERY, session.tidy)),
    ]
    try:
        yield
    finally:
        for task in sweeping:
            task.cancel()
        socket.hang_up()
        session.close_engine()
        store.close()  # after SIGTERM the web server ends the process at once


async def _every(seconds: float, act: Callable[[], None]) -> None:
    """Tidy up now and then, whether or not anybody opens a page."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(act)
        except Exception:
            _log.exception("%s.%s failed", act.__module__, act.__name__)


def _hang_up_first() -> None:
    # The web server waits for open connections before it ends: a live stream would never close by itself, a client that
    # reads or sends nothing more hardly ever. When it has ended it would raise the signal once more, which kills the
    # process before temporary folders are removed. A closed terminal ends it like any other signal.
    if threading.current_thread() is not threading.main_thread():
        return
    web_server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(web_server, uvicorn.Server):
        web_server = None
    else:
        web_server.config.ws_max_size = min(web_server.config.ws_max_size, LARGEST_MESSAGE)
        if web_server.config.timeout_graceful_shutdown is None:
            web_server.config.timeout_graceful_shutdown = GRACE
    ending = signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM)):
        before = signal.getsignal(number)
        if before is signal.SIG_IGN:  # as nohup wants it
            continue

        def handle(received: int, frame: Any, before: Any = ending if before is signal.SIG_DFL else before) -> None:
            socket.hang_up()
            if web_server is not None and not web_server.should_exit:
                web_server.should_exit = True
            elif callable(before):  # told again, or not our web server
                before(received, frame)

        signal.signal(number, handle)
