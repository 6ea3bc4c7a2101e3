"""A real socket endpoint in this process, and browsers without a page."""

from __future__ import annotations

import contextlib
import json
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from rnn_explorer.engine.frames import unpack
from rnn_explorer.experiment import Experiment
from rnn_explorer.ui import messages, session, socket
from rnn_explorer.ui.access import Access, Rules

SMALL = "task=adding&cell=gru&hidden_size=4&seq_len=6&batch_size=8&steps=100000"
WIDE = "task=flip_flop&cell=lstm&steps=100000"
PATIENCE = 120.0  # seconds: for a machine that is busy with other things
PANELS = {"curves", "prediction", "states", "state_trajectory", "gates"}


class Browser:
    """What a page does, without a page."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        self.number = 0

    def say(self, kind: str, **words: Any) -> None:
        self.line.send(json.dumps({"type": kind, **words}))

    def open(self, run: str, view: str = "lab", **query: str) -> Browser:
        self.say("open", protocol=messages.PROTOCOL, run=run, view=view, query=query)
        return self

    def hear(self, patience: float = PATIENCE) -> dict[str, Any]:
        """The next frame, or the next words but those that ask for a sign of life."""
        while True:
            heard = self.line.recv(timeout=patience)
            if isinstance(heard, bytes):
                self.number += 1
                return unpack(heard)
            said = json.loads(heard)
            if said["type"] != "ping":
                return said
            self.say("ping")

    def next(self, **words: Any) -> dict[str, Any]:
        """Ask for the next frame and wait for it."""
        self.say("ready", **{"frame": self.number, "took": 0, "sight": sorted(PANELS), **words})
        return self.hear()

    def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Frames until one fits."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            frame = self.next()
            if fits(frame):
                return frame
        raise AssertionError("no such frame came")

    def ended(self) -> int:
        """The code with which the server ends the connection."""
        with pytest.raises(ConnectionClosed) as told:
            while True:
                self.line.recv(timeout=PATIENCE)
        return told.value.rcvd.code if told.value.rcvd else -1


@contextlib.contextmanager
def endpoint(buffer: int = 0) -> Iterator[int]:
    """The socket's endpoint on a port of its own; `buffer`: bytes that the system keeps for who does not read."""
    doors = [Middleware(Access, bodiless="/explorer/", rules=Rules())]
    app = Starlette(routes=[WebSocketRoute("/explorer/socket", socket.endpoint)], middleware=doors)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio", lifespan="off"))
    with sockets.socket() as listener:
        if buffer:  # what it accepts has the same
            listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, buffer)
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        socket.accept()
        yield listener.getsockname()[1]
        socket.hang_up()
        server.should_exit = True
        thread.join(PATIENCE)
    socket.accept()


def start(query: str = SMALL, *commands: str) -> str:
    engine = session.engine()
    run = engine.start(Experiment.from_query(query))
    deadline = time.monotonic() + PATIENCE
    while engine.view(run).status == "starting" and time.monotonic() < deadline:
        time.sleep(0.01)
    for command in commands:
        engine.command(run, command)
    return run
