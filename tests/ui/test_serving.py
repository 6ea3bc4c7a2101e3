"""A real server and hostile clients: whatever one of them does, the others are served."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Exception_pb2 import Exception as ExceptionElement
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rnn_explorer.ui import faults
from rnn_explorer.ui import server as ours
from tests.ui.serving import PATIENCE, Serving, messages, start, stop

CROSS = "http://evil.example"
PAGE = "Accept: text/html\r\n"


def wait(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def status_of(connection: socket.socket) -> int:
    with connection:
        return int(connection.recv(1 << 16).split()[1])


def asked(nowhere: socket.socket) -> bool:
    """Whether somebody went to the internet."""
    try:
        nowhere.accept()[0].close()
        return True
    except BlockingIOError:
        return False


def test_refused_handshakes_keep_nobody_waiting(serving: Serving, nowhere: socket.socket) -> None:
    """Streamlit looked for the server's address on the internet meanwhile, and where there is none, for 20 s each."""
    refused = []
    for _ in range(10):
        refused += [serving.handshake(CROSS), serving.handshake(f"http://127.0.0.1:{serving.port + 1}")]
        refused += [serving.handshake(CROSS, host="evil.example"), serving.handshake("null")]
        assert serving.ask("/_stcore/health")[0] == 200
    assert [status_of(connection) for connection in refused] == [403] * len(refused)
    assert not asked(nowhere)


def test_a_page_behind_a_proxy_is_served_and_looks_nothing_up(serving: Serving, nowhere: socket.socket) -> None:
    name = socket.gethostname()
    for host, origin in ((name, f"https://{name}"), (f"{name}:443", f"https://{name}"), (name, f"https://{name}:8443")):
        assert status_of(serving.handshake(origin, host=host)) == 101
    assert status_of(serving.handshake(f"http://{serving.host}")) == 101
    assert not asked(nowhere)


@pytest.mark.parametrize("accepted", ["gzip, deflate, br, zstd", "identity"])
@pytest.mark.parametrize("path", ["/", "/cell?task=flip_flop", "/nosuch"])
def test_every_page_that_a_browser_opens_has_our_style(serving: Serving, path: str, accepted: str) -> None:
    about = {"Accept": "text/html,*/*;q=0.8", "Accept-Encoding": accepted, "Sec-Fetch-Mode": "navigate"}
    request = urllib.request.Request(f"http://{serving.host}{path}", headers=about)
    with urllib.request.urlopen(request, timeout=30) as answer:
        body = answer.read()
        assert (answer.headers["Content-Encoding"] == "gzip") is ("gzip" in accepted)
    page = gzip.decompress(body) if "gzip" in accepted else body
    assert b".rx-view" in page and b"<title>RNN Explorer</title>" in page


def test_a_foreign_name_gets_nothing_by_http_either(serving: Serving) -> None:
    status, answer = serving.ask("/", host="evil.example")
    assert status == 421 and "Set-Cookie" not in answer and "<script" not in answer


def test_the_cookie_is_there_before_the_websocket_and_other_connections_know_it(serving: Serving) -> None:
    _, answer = serving.ask("/memory", extra=PAGE)
    found = re.search(r"set-cookie: ([^;]+); Path=/; Max-Age=\d+; HttpOnly; SameSite=Lax\r\n", answer)
    assert found, answer
    cookie = f"Cookie: {found[1]}\r\n"
    assert "set-cookie: rnn" not in serving.ask("/", extra=PAGE + cookie)[1]
    assert status_of(serving.handshake(f"http://{serving.host}", extra=cookie)) == 101
    with pytest.raises(InvalidStatus, match="403"):  # no page says that it has sent this
        connect(f"ws://{serving.host}/_stcore/stream", additional_headers={"Cookie": found[1]}).close()
    assert serving.ask("/explorer/choose/some", "POST", extra=cookie)[0] == 403


PATHS = (
    "/", "/lab", "/nosuch/page", "//", "//evil.example/", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    "/%00", "/%ff%fe", "/a%0d%0aSet-Cookie:x=y", "/C:/windows", "/\\\\host\\share", "/" + "a" * 8000, "/?%",
    "/?" + "q=1&" * 2000, "/?run=%00&task=%ff", "/;", "/.", "/%", "/static/nosuch.js", "/static/../app.py",
    "/media/nosuch", "/component/a/b", "/app/static/x", "/favicon.png", "/manifest.json", "/_stcore/health",
    "/_stcore/host-config", "/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/upload_file/a/b",
    "/_stcore/stream", "/_stcore/nosuch", "/_stcore/bidi-components/a/b", "/_stcore/agent/mcp", "/explorer",
    "/explorer/", "/explorer/plotly.min.js", "/explorer/live/nosuch", "/explorer/live/%00",
    "/explorer/live/nosuch?view=nosuch", "/explorer/live/nosuch?stream=%ff", "/explorer/live/a?" + "layer=9&" * 500,
    "/explorer/choose/nosuch", "/explorer/choose/%00?layer=x", "/explorer/figure/nosuch/curves.csv",
    "/explorer/figure/nosuch/curves.exe", "/explorer/figure/%00/%00.%00",
    "/explorer/figure/nosuch/curves.csv?view=%ff",
    "/explorer/figure/a/b/c.csv", "/explorer/figure/nosuch/.csv",
)  # fmt: skip
ODD_HEADERS = (
    "Accept: \xff\xfe", "Cookie: =;;;", "Cookie: " + "a=b; " * 1000, "Range: bytes=9-1", "Range: bytes=0-0,1-1,2-2",
    "Range: lines=1", "If-None-Match: x", "If-Modified-Since: never", "Accept-Encoding: gzip;q=x, *",
    "Content-Length: 0", "Content-Type: multipart/form-data", "Origin: http://[::1", "Origin:",
    "X-Forwarded-For: \xff,,1", "X-Forwarded-Proto: ftp", "Connection: Upgrade\r\nUpgrade: h2c", "Sec-WebSocket-Key: x",
    "Expect: 100-continue",
)  # fmt: skip
UPLOAD = b"PUT /_stcore/upload_file/a/b HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHOICE = b"POST /explorer/choose/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BAD_CHUNK = UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeZZ\r\n"
RAW = (
    b"\r\n", b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", CHOICE + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    CHOICE + b"Content-Length: 99999999999\r\n\r\nabc", BAD_CHUNK,
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
)  # fmt: skip


def test_odd_requests_are_no_fault_and_every_answer_carries_the_headers(serving: Serving) -> None:
    number = 0

    def check(answer: str, what: object) -> None:
        nonlocal number
        number += 1
        assert not re.match(r"HTTP/1.1 5", answer), (what, answer[:500])
        if answer and "server: uvicorn" in answer:  # all but what is no request at all
            for name in ours.HEADERS:
                assert f"\r\n{name}: " in answer, (what, answer[:500])

    for path in PATHS:
        for method in ("GET", "POST"):
            check(serving.ask(path, method, extra=PAGE)[1], (method, path[:80]))
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "NOSUCH"):
        for path in ("/", "/explorer/plotly.min.js", "/explorer/choose/x", "/_stcore/upload_file/a/b"):
            check(serving.ask(path, method)[1], (method, path))
    for headers in ODD_HEADERS:
        check(serving.ask("/", extra=f"{headers}\r\n")[1], headers)
        check(serving.ask("/explorer/plotly.min.js", "HEAD", extra=f"{headers}\r\n")[1], headers)
    for host in ("evil.example", "", "a b", "[", "127.0.0.1:0", "\xff"):
        check(serving.ask("/", host=host or " ")[1], host)
    for raw in RAW:
        check(serving.send(raw, wait=0.3).decode("latin-1"), raw[:80])
    assert number > 150
    assert serving.ask("/_stcore/health")[0] == 200


def test_a_client_cannot_fill_the_log(serving: Serving) -> None:
    def lines() -> int:
        return serving.log.read_text().count("\n")

    for _ in range(3):
        serving.send(BAD_CHUNK)
        status_of(serving.handshake(CROSS))
        with connect(f"ws://{serving.host}/_stcore/stream") as websocket:
            websocket.send(b"\xff\xff")
    before = lines()
    for _ in range(30):
        serving.send(BAD_CHUNK)
        status_of(serving.handshake(CROSS))
        with connect(f"ws://{serving.host}/_stcore/stream") as websocket:
            websocket.send(b"\xff\xff")
    assert lines() - before < 30, serving.log.read_text()[-2000:]


def page_of(websocket: ClientConnection, *forged: str) -> list[Any]:
    """The elements of the lab's page, run with a value for these controls that none of them has."""
    message = BackMsg()
    message.rerun_script.query_string = "task=adding"
    for name in forged:
        message.rerun_script.widget_states.widgets.add(id=name, string_value="zzz")
    websocket.send(message.SerializeToString())
    received = messages(websocket, lambda one: one.WhichOneof("type") == "script_finished")
    elements = [one.delta.new_element for one in received]
    return [getattr(one, one.WhichOneof("type")) for one in elements if one.WhichOneof("type")]


def test_forged_values_of_controls_get_one_sentence_and_do_not_fill_the_log(serving: Serving) -> None:
    address = f"ws://{serving.host}/_stcore/stream"
    with connect(address, max_size=None) as forger, connect(address, max_size=None) as other:
        controls = [part.id for part in page_of(forger) if getattr(part, "id", "")]
        shown = page_of(forger, *controls)
        assert not [part for part in shown if isinstance(part, ExceptionElement)]
        (told,) = [part for part in shown if isinstance(part, Alert)]
        assert told.body.replace("\\", "") == faults.OURS
        for _ in range(30):
            page_of(forger, *controls)
        log = serving.log.read_text()
        assert "Traceback" in log
        assert log.count("Uncaught app execution") < 10, "one for each kind of control at most"
        assert not [part for part in page_of(other) if isinstance(part, Alert)], "others see nothing of it"


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "Z"


def temporary(folder: Path) -> list[Path]:
    """The server's temporary files and folders; torch's own cache, which all its processes share, stays."""
    return [path for path in (folder / "tmp").iterdir() if not path.name.startswith("torchinductor")]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)])
def test_a_signal_ends_everything_though_clients_hold_on(number: int, tmp_path: Path) -> None:
    serving, held = start(tmp_path), []
    try:
        assert wait(lambda: len(serving.workers()) >= 1)
        workers = serving.workers()
        # Workers are told of the folder before anybody uploads.
        assert wait(lambda: any(path.name.startswith("rnn-explorer-uploads-") for path in temporary(tmp_path)))
        held += [serving.handshake(f"http://{serving.host}") for _ in range(2)]
        head = f"Host: {serving.host}\r\n"
        for start_of in (
            f"GET /explorer/plotly.min.js HTTP/1.1\r\n{head}\r\n",  # and never reads
            f"PUT /_stcore/upload_file/a/b HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n",  # and sends nothing more
            f"GET / HTTP/1.1\r\n{head}",
            "",
        ):
            connection = serving.connect()
            connection.sendall(start_of.encode())
            held.append(connection)
        assert all(connection.recv(12) for connection in held[:2])
        serving.process.send_signal(number)
        serving.process.wait(PATIENCE)
        assert wait(lambda: all(gone(pid) for pid in workers)), "nothing may be left behind"
        assert temporary(tmp_path) == []
    finally:
        for connection in held:
            connection.close()
        stop(serving)


def test_folders_of_a_running_server_are_its_users_alone(serving: Serving) -> None:
    made = [path for path in (*temporary(serving.log.parent), serving.log.parent / "data") if path.is_dir()]
    assert len(made) >= 2
    assert {path.name: path.stat().st_mode & 0o077 for path in made} == {path.name: 0 for path in made}


def test_more_pages_than_a_low_limit_has_files_for_are_served(tmp_path: Path) -> None:
    """With 256 open files, as macOS gives them, the server was dead after 80 page views until it was restarted."""
    serving = start(tmp_path, limit=256)
    try:
        with contextlib.ExitStack() as held:
            for _ in range(100):
                page = held.enter_context(connect(f"ws://{serving.host}/_stcore/stream", open_timeout=PATIENCE))
                assert page.ping().wait(PATIENCE), "the session behind the page is there"
            assert serving.ask("/", extra=PAGE)[0] == 200
    finally:
        stop(serving)


def test_a_message_of_many_megabytes_is_refused_before_it_is_whole(serving: Serving) -> None:
    for path in ("explorer/socket", "_stcore/stream"):
        with connect(f"ws://{serving.host}/{path}", max_size=None) as line, pytest.raises(ConnectionClosed) as told:
            line.send("x" * (ours.LARGEST_MESSAGE + 1))
            while True:
                assert b"error" not in str(line.recv(PATIENCE)).encode(), "it was read"
        # What the server did not read may cut the line before its word arrives.
        assert told.value.rcvd is None or told.value.rcvd.code == 1009
    assert serving.ask("/_stcore/health")[0] == 200
