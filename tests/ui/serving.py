"""A real server as a process, and raw connections to it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds, for a machine that is busy with other things
APP = (sys.executable, "-m", "streamlit", "run", "app.py")  # in ROOT
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    + 22 * "A"
    + "==\r\n"
)


def _mind_signals() -> None:
    """Whoever runs the tests may ignore these (nohup, a shell's background), and a child would inherit that."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Serving:
    """A running server.

    Args:
        port: on 127.0.0.1.
        process: it.
        log: the file that it writes to.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def send(self, raw: bytes, wait: float = PATIENCE) -> bytes:
        """All that comes back until the server hangs up, or says nothing for `wait` seconds."""
        parts = []
        with self.connect() as connection, contextlib.suppress(OSError):
            connection.sendall(raw)
            connection.settimeout(wait)
            while part := connection.recv(1 << 16):
                parts.append(part)
        return b"".join(parts)

    def ask(self, path: str = "/", method: str = "GET", host: str | None = None, extra: str = "") -> tuple[int, str]:
        """Status and the rest of the answer to one request; `extra` are header lines."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {host or self.host}\r\nConnection: close\r\n{extra}\r\n"
        answer = self.send(head.encode("latin-1")).decode("latin-1")
        found = re.match(r"HTTP/1.1 (\d+)", answer)
        assert found, answer
        return int(found[1]), answer

    def handshake(self, origin: str, host: str | None = None, extra: str = "") -> socket.socket:
        """A connection on which a websocket's handshake was sent; the answer is still to be read."""
        connection = self.connect()
        head = (
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host or self.host}\r\n{HANDSHAKE}Origin: {origin}\r\n{extra}\r\n"
        )
        connection.sendall(head.encode())
        return connection

    def workers(self) -> list[int]:
        """Process ids of the workers, which are the server's children."""
        shown = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        return [int(line.split()[0]) for line in shown.stdout.splitlines() if "rnn_explorer.engine.worker" in line]


def start(
    folder: Path, *, command: Sequence[str] = APP, cwd: Path = ROOT, limit: int | None = None, **environment: str
) -> Serving:
    """Start a server that keeps its data, temporary files and log in `folder`, perhaps with a limit of open files."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    if limit is not None:
        command = ["sh", "-c", f'ulimit -S -n {limit} && exec "$0" "$@"', *command]
    own = {"RNN_EXPLORER_DATA": str(folder / "data"), "TMPDIR": str(temporary), "STREAMLIT_SERVER_PORT": str(port)}
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **own, **environment}, stdout=file, stderr=file,
            preexec_fn=_mind_signals,
        )  # fmt: skip
    serving = Serving(port, process, log)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                return serving
        except OSError:
            time.sleep(0.1)
    stop(serving)
    raise RuntimeError(f"the server did not start: {log.read_text()}")


def stop(serving: Serving) -> None:
    if serving.process.poll() is None:
        serving.process.kill()
    serving.process.wait()


def messages(websocket: ClientConnection, last: Callable[[ForwardMsg], bool]) -> list[ForwardMsg]:
    """What the server sends until a message is the last one that is waited for, and that one."""
    received: list[ForwardMsg] = []
    while not received or not last(received[-1]):
        message = ForwardMsg()
        data = websocket.recv(PATIENCE)
        assert isinstance(data, bytes)
        message.ParseFromString(data)
        received.append(message)
    return received


def page(serving: Serving, name: str, query: str = "task=adding") -> list[ForwardMsg]:
    """What a browser receives that opens a page."""
    request = BackMsg()
    request.rerun_script.page_name = name
    request.rerun_script.query_string = query
    with connect(f"ws://{serving.host}/_stcore/stream", max_size=None) as websocket:
        websocket.send(request.SerializeToString())
        return messages(websocket, lambda one: one.WhichOneof("type") == "script_finished")


def only(received: list[ForwardMsg], kind: str) -> ForwardMsg:
    """The first message of a kind."""
    return next(one for one in received if one.WhichOneof("type") == kind)
