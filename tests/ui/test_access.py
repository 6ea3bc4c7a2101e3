"""Whom the server answers: decided by Host and Origin, for every request and every websocket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config, net_util
from streamlit.web.server.starlette import starlette_websocket

from rnn_explorer.ui.access import LONGEST_BODY, Access, Rules, machine_names, read_origin
from tests.ui.asgi import AnalysisResult, ask

CROSS = "http://evil.example"
KINDS = ("http", "websocket")


async def served(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that accepts whatever comes, as a websocket route of our own would."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("served")(scope, receive, send)


def access(
    names: set[str] | None = None, origins: tuple[str, ...] = (), any_origin: bool = False, app: ASGIApp = served
) -> Access:
    places = tuple(place for origin in origins if (place := read_origin(origin)))
    return Access(app, "/explorer/", Rules(names or {"teacher"}, places, any_origin))


def is_let_in(answer: AnalysisResult) -> bool:
    return answer.status in (101, 200)


@pytest.fixture
def option() -> Iterator[Any]:
    """Sets options of Streamlit for one test."""
    before: dict[str, Any] = {}

    def give(name: str, value: Any) -> None:
        before.setdefault(name, config.get_option(name))
        config.set_option(name, value)

    yield give
    for name, value in before.items():
        config.set_option(name, value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "host, known",
    [
        ("127.0.0.1:8501", True),
        ("localhost", True),
        ("LOCALHOST.:8501", True),
        ("192.168.1.20:8501", True),
        ("[::1]:8501", True),
        ("[fd00:0:0::1]", True),
        ("teacher:8501", True),
        ("Teacher", True),
        ("lab.example.org", True),
        ("evil.example:8501", False),  # somebody else's name, which a DNS server points at this machine
        ("127.0.0.1.evil.example", False),
        ("teacher.evil.example", False),
        ("example.org", False),
        ("xexample.org", False),
        ("0177.0.0.1", False),
    ],
)
def test_the_server_answers_to_its_own_names_only(kind: str, host: str, known: bool) -> None:
    answer = ask(access({"teacher", "*.example.org"}), kind=kind, host=host)
    assert is_let_in(answer) == known
    if not known and kind == "http":
        assert answer.status == 421 and "--server.allowedHosts" in answer.body and "served" not in answer.body


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", [None, "", ":8501", "a b", "user@127.0.0.1", "127.0.0.1:99999", "127.0.0.1/x", "[::1",
                                  "http://127.0.0.1", "[teacher]", "127.0.0.1:x", "é", "a,b"])  # fmt: skip
def test_a_request_that_calls_nobody_is_refused(kind: str, host: str | None) -> None:
    answer = ask(access({"*"}), kind=kind, host=host)
    assert answer.status == (400 if kind == "http" else 403)


def test_two_hosts_are_none() -> None:
    app = access()

    async def doubled(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "headers": [*scope["headers"], (b"host", b"evil.example")]}, receive, send)

    assert ask(doubled).status == 400


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "host, origin, allowed",
    [
        ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("teacher:8501", "http://teacher:8501", True),
        ("teacher:8501", "http://TEACHER:8501", True),
        ("[::1]:8501", "http://[0:0:0:0:0:0:0:1]:8501", True),
        ("teacher", "https://teacher", True),  # a proxy that ends TLS
        ("teacher:443", "https://teacher", True),
        ("teacher", "https://teacher:443", True),
        ("teacher", "http://teacher", True),
        ("teacher", "https://teacher:8443", True),  # a proxy that passes on the name alone, as nginx's $host
        ("teacher:8501", CROSS, False),
        ("teacher:8501", "http://teacher:9000", False),  # another server of the same machine
        ("teacher:8501", "http://teacher", False),
        ("teacher:8501", "https://teacher", False),
        ("teacher:8501", "http://localhost:8501", False),
        ("teacher", "https://evil.example", False),
        ("teacher", "https://teacher.evil.example", False),
        ("teacher:8501", "null", False),
        ("teacher:8501", "", False),
        ("teacher:8501", "teacher:8501", False),
        ("teacher:8501", "file://", False),
        ("teacher:8501", "chrome-extension://teacher:8501", False),
        ("teacher:8501", "http://teacher:8501/path", False),
        ("teacher:8501", "http://teacher:8501@evil.example", False),
    ],
)
def test_a_page_is_compared_with_the_server_by_host_and_port(kind: str, host: str, origin: str, allowed: bool) -> None:
    answer = ask(access(), kind=kind, host=host, origin=origin)
    assert is_let_in(answer) == allowed
    if not allowed and kind == "http":
        assert answer.status == 403 and "--server.corsAllowedOrigins" in answer.body


def test_a_lost_port_is_no_way_in_where_there_is_no_proxy_or_the_browser_knows_better() -> None:
    about = {"host": "teacher", "origin": "http://teacher:9000", "kind": "websocket"}
    assert ask(access(), **about).status == 101
    assert ask(access(), **about, port=80).status == 403, "the server itself is called without a port"
    assert ask(access(), **about, sec_fetch_site="same-site").status == 403
    assert ask(access(), **about, sec_fetch_site="same-origin").status == 101


def test_forwarded_headers_prove_nothing() -> None:
    forged = {"x_forwarded_host": "evil.example", "forwarded": "host=evil.example"}
    assert ask(access(), kind="websocket", origin=CROSS, **forged).status == 403
    assert ask(access(), host="evil.example", x_forwarded_host="127.0.0.1:8501").status == 421


@pytest.mark.parametrize("kind, method, cookie, status", [
    ("websocket", "GET", "a=b", 403),
    ("websocket", "GET", None, 101),
    ("http", "POST", "a=b", 403),
    ("http", "PUT", "a=b", 403),
    ("http", "DELETE", "a=b", 403),
    ("http", "POST", None, 200),
    ("http", "GET", "a=b", 200),
    ("http", "HEAD", "a=b", 200),
])  # fmt: skip
def test_who_sends_a_cookie_says_from_which_page(kind: str, method: str, cookie: str | None, status: int) -> None:
    headers = {} if cookie is None else {"cookie": cookie}
    assert ask(access(), kind=kind, method=method, **headers).status == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
def test_a_foreign_page_gets_nothing_by_any_method(method: str) -> None:
    assert ask(access(), "/explorer/choose/some", method=method, origin=CROSS).status == 403
    assert ask(access(), "/explorer/choose/some", method=method, origin="http://127.0.0.1:8501").status == 200


@pytest.mark.parametrize("allowed, origin, let_in", [
    ("https://portal.example", "https://portal.example", True),
    ("https://portal.example/", "https://portal.example:443", True),
    ("portal.example:8000", "http://portal.example:8000", True),
    ("https://portal.example", "http://portal.example", False),
    ("https://portal.example", "https://portal.example:8443", False),
    ("https://portal.example", "https://sub.portal.example", False),
])  # fmt: skip
def test_other_sites_are_let_in_where_the_settings_name_them(allowed: str, origin: str, let_in: bool) -> None:
    for kind in KINDS:
        assert is_let_in(ask(access(origins=(allowed,)), kind=kind, origin=origin)) == let_in


def test_switching_the_check_off_lets_every_page_in() -> None:
    for origin in (CROSS, "null"):
        assert ask(access(any_origin=True), kind="websocket", origin=origin).status == 101
        assert ask(access(any_origin=True), kind="websocket", origin=origin, host="evil.example").status == 403


@pytest.mark.parametrize("about", [
    {"content_length": str(LONGEST_BODY + 1)},
    {"content_length": "9" * 5000},
    {"content_length": "-1"},
    {"transfer_encoding": "chunked"},
])  # fmt: skip
def test_a_long_body_is_refused_on_our_routes(about: dict[str, str]) -> None:
    answer = ask(access(), "/explorer/choose/some", method="POST", **about)
    assert answer.status == 413 and answer.header("connection") == "close"
    assert ask(access(), "/_stcore/upload_file/a/b", method="PUT", **about).status == 200, "Streamlit has its own limit"
    assert ask(access(), "/explorer/choose/some", method="POST", content_length="0").status == 200


@given(st.text(max_size=30))
def test_any_text_is_a_place_or_none(text: str) -> None:
    place = read_origin(text)
    assert place is None or (place.name and place.name == place.name.lower())


# -- what Streamlit then sees -------------------------------------------------------------------------------------


class Judge:
    """What Streamlit's own check says of the handshakes that are passed on to it."""

    def __init__(self) -> None:
        self.verdicts: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.verdicts.append(starlette_websocket._is_origin_allowed(headers.get("origin"), headers.get("host")))
        await served(scope, receive, send)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Streamlit, which may not look an address up."""

    def never() -> str:
        raise AssertionError("Streamlit looks up an address while everybody waits")

    monkeypatch.setattr(net_util, "get_external_ip", never)
    monkeypatch.setattr(net_util, "get_internal_ip", never)
    return Judge()


@pytest.mark.parametrize(
    "about",
    [
        {"host": "teacher", "origin": "https://teacher"},
        {"host": "teacher:443", "origin": "https://teacher"},
        {"host": "teacher", "origin": "https://teacher:8443"},
        {"host": "[::1]:8501", "origin": "http://[::1]:8501"},
        {"host": "127.0.0.1:8501", "origin": "https://portal.example"},
        {"host": "127.0.0.1:8501"},
    ],
)
@pytest.mark.parametrize("names", [[], ["teacher"], ["*.example.org", "other"], ["*"]])
def test_streamlit_lets_in_whom_we_let_in_and_looks_nothing_up(
    about: dict[str, str], names: list[str], judge: Judge, option: Any
) -> None:
    option("server.allowedHosts", names)
    app = access(origins=("https://portal.example",), app=judge)
    assert ask(app, kind="websocket", **about).status == 101
    assert judge.verdicts == [True]


@pytest.mark.parametrize(
    "about", [{"origin": CROSS}, {"origin": "null"}, {"host": "evil.example", "origin": CROSS}, {"cookie": "a=b"}]
)
def test_streamlit_never_sees_who_is_refused(about: dict[str, str], judge: Judge) -> None:
    assert ask(access(app=judge), kind="websocket", **about).status == 403
    assert judge.verdicts == []


# -- the rules of this server -------------------------------------------------------------------------------------


def test_the_rules_are_the_machines_names_and_streamlits_settings(option: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Teacher.school.example")
    monkeypatch.setattr(socket, "getfqdn", lambda: "teacher.lan.example")
    option("server.allowedHosts", ["lab.example", " *.Example.org. "])
    option("server.corsAllowedOrigins", ["https://portal.example", "no origin at all"])
    option("browser.serverAddress", "front.example")
    rules = Rules.of_server()
    for name in ("teacher", "teacher.school.example", "teacher.local", "lab.example", "a.b.example.org",
                 "front.example", "localhost", "10.1.2.3"):  # fmt: skip
        place = read_origin(name)
        assert place and rules.knows(place), name
    for name in ("school.example", "evil.example", "example.org"):
        place = read_origin(name)
        assert place and not rules.knows(place), name
    assert [place.name for place in rules.origins] == ["portal.example"]
    assert not rules.any_origin


def test_a_slow_name_server_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(socket, "gethostname", lambda: "teacher")

    def slow() -> str:
        answers.wait(30)
        return "teacher.lan.example"

    monkeypatch.setattr(socket, "getfqdn", slow)
    rules = Rules.of_server()
    full, short = read_origin("teacher.lan.example"), read_origin("teacher")
    assert full and short
    assert rules.knows(short) and not rules.knows(full), "the server goes by its short name while the network is asked"
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "full-name":
            thread.join(10)
    assert rules.knows(full)


def test_a_machine_that_is_called_by_its_address_has_no_names() -> None:
    assert machine_names("10.0.0.5") == set() == machine_names("")
