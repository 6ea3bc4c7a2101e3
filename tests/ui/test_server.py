"""What the server answers by itself, without a process of its own."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from streamlit import config
from streamlit.web.server.app_discovery import discover_asgi_app

from rnn_explorer.ui import faults, server, socket
from tests.ui.asgi import AnalysisResult, call, run, scope_of

ROOT = Path(__file__).parents[2]


async def fails(_request: Request) -> Response:
    raise ZeroDivisionError("secret details")


def made() -> Starlette:
    """The routes and the middleware of the app, without Streamlit, with a route that fails."""
    routes = [*server.routes(), Route(f"{server.prefix()}/fails", fails)]
    return Starlette(routes=routes, middleware=server.middleware(), exception_handlers={Exception: server.fault})


def ask(path: str, **about: Any) -> AnalysisResult:
    return run(call(made(), scope_of(path, **about)))


def carries_the_headers(answer: AnalysisResult) -> bool:
    return all(answer.header(name) == value for name, value in server.HEADERS.items())


@pytest.mark.parametrize("path, about, status", [
    ("/explorer/plotly.min.js", {}, 200),
    ("/nosuch", {}, 404),
    ("/explorer/figure/x/y.csv", {"method": "POST"}, 405),
    ("/", {"host": "evil.example"}, 421),
    ("/", {"host": None}, 400),
    ("/", {"origin": "http://evil.example"}, 403),
    ("/explorer/figure/x/y.csv", {"method": "POST", "content_length": "9999"}, 413),
])  # fmt: skip
def test_every_answer_carries_the_headers(path: str, about: dict[str, Any], status: int) -> None:
    answer = ask(path, **about)
    assert answer.status == status and carries_the_headers(answer)


def test_a_route_that_fails_answers_with_our_sentence_and_the_headers() -> None:
    sent: list[Any] = []

    async def failing() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        await made()(scope_of("/fails"), receive, send)

    with pytest.raises(ZeroDivisionError):  # which the web server logs
        run(failing())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert sent[0]["status"] == 500 and sent[1]["body"].decode() == f"{faults.OURS}\n"
    assert server.HEADERS.items() <= headers.items()


@pytest.mark.parametrize("route", server.routes(), ids=lambda route: route.path)
@pytest.mark.parametrize("about, status", [
    ({"origin": "http://evil.example"}, 403), ({"origin": "null"}, 403), ({"origin": "http://127.0.0.1:1"}, 403),
    ({"origin": "http://lab@127.0.0.1:8501"}, 403), ({"origin": "file://"}, 403), ({"origin": ""}, 403),
    ({"host": "evil.example"}, 421), ({"host": "evil.example", "origin": "http://evil.example"}, 421),
    ({"host": None}, 400),
])  # fmt: skip
def test_no_route_is_reached_by_a_foreign_page_or_under_a_foreign_name(
    route: Any, about: dict[str, Any], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reached(*_: Any) -> None:
        raise AssertionError("the route was reached")

    monkeypatch.setattr(Route, "handle", reached)
    monkeypatch.setattr(WebSocketRoute, "handle", reached)
    path = re.sub(r"{\w+}", "x", route.path)
    kind = "websocket" if isinstance(route, WebSocketRoute) else "http"
    assert ask(path, kind=kind, **about).status == (403 if kind == "websocket" else status)
    with pytest.raises(AssertionError):
        ask(path, kind=kind, origin="http://127.0.0.1:8501")


def test_a_connection_that_brings_a_cookie_says_from_which_page() -> None:
    assert ask("/explorer/socket", kind="websocket", cookie="a=b").status == 403
    assert ask("/explorer/socket", kind="websocket", cookie="a=b", origin="http://127.0.0.1:8501").status == 101


def test_under_a_path_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: "/lab/" if name == "server.baseUrlPath" else real(name))
    assert ask("/lab/explorer/plotly.min.js").status == 200
    assert ask("/lab/explorer/choose/x", method="POST", content_length="9999").status == 413
    assert server.middleware()[-1].kwargs["path"] == "/lab"


def test_streamlit_finds_the_app() -> None:
    found = discover_asgi_app(ROOT / "app.py")
    assert found.is_asgi_app


def handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals are the main thread's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_asks_the_web_server_to_end_and_a_second_one_forces_it(number: int) -> None:
    web_server, before = uvicorn.Server(uvicorn.Config(made())), handlers()
    try:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, web_server.handle_exit)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        server._hang_up_first()
        assert web_server.config.timeout_graceful_shutdown == server.GRACE
        signal.raise_signal(number)
        assert web_server.should_exit and not web_server._captured_signals, "it is not to be raised again at the end"
        assert not socket._open
        signal.raise_signal(signal.SIGINT)
        assert web_server.force_exit
    finally:
        socket.accept()
        for one, handler in before.items():
            signal.signal(one, handler)


def test_a_server_that_was_told_to_outlive_its_terminal_does() -> None:
    before = handlers()
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        server._hang_up_first()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
