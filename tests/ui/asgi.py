"""ASGI applications without a server: one request or handshake, and what came back."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass
class AnalysisResult:
    """What came back. `status` is 101 for a websocket that was accepted, 403 for one that was closed."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def run(work: Any) -> Any:
    """What a coroutine returns, in a thread of its own: a browser of other tests may have left a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def scope_of(
    path: str = "/", kind: str = "http", method: str = "GET", host: str | None = "127.0.0.1:8501", port: int = 8501,
    client: str = "127.0.0.1", scheme: str = "", **headers: str,
) -> dict[str, Any]:  # fmt: skip
    """A request's scope; headers by their names with `_` for `-`."""
    lines = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    if host is not None:
        lines.append((b"host", host.encode("latin-1")))
    scope: dict[str, Any] = {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": lines, "root_path": "",
        "scheme": scheme or {"http": "http", "websocket": "ws"}[kind], "server": ("127.0.0.1", port),
        "client": (client, 50000), "http_version": "1.1",
    }  # fmt: skip
    return scope | ({"method": method} if kind == "http" else {"subprotocols": []})


async def call(app: ASGIApp, scope: dict[str, Any]) -> AnalysisResult:
    sent: list[Message] = []
    to_come = [{"type": "websocket.connect"} if scope["type"] == "websocket" else {"type": "http.request", "body": b""}]

    async def receive() -> Message:
        return to_come.pop(0) if to_come else {"type": f"{scope['type']}.disconnect", "code": 1005}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    first = sent[0]
    if scope["type"] == "websocket":
        return AnalysisResult(
            {"websocket.accept": 101, "websocket.close": 403}[first["type"]], [], first.get("reason") or ""
        )
    headers = [(name.decode(), value.decode("latin-1")) for name, value in first["headers"]]
    return AnalysisResult(first["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]).decode())


def ask(app: ASGIApp, path: str = "/", **about: Any) -> AnalysisResult:
    """Send one request to an application; `about` is for `scope_of`."""
    return run(call(app, scope_of(path, **about)))
