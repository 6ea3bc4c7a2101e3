"""What becomes of pages when networks, readers and workers fail."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket as sockets
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from rnn_explorer.ui import messages, session, socket
from tests.ui.pages import PANELS, PATIENCE, SMALL, WIDE, Browser, endpoint, start
from tests.ui.poor_line import PoorLine

STUDENTS = 30


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


@pytest.mark.parametrize("way", ["hush", "cut", "vanish"])
def test_after_a_time_without_network_a_page_sees_the_present_and_nothing_was_queued(
    way: str, port: int, browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real patience is 30 s; a browser goes through that in `tests/browser`."""
    monkeypatch.setattr(socket, "PING", 0.3)
    monkeypatch.setattr(socket, "SILENCE", 1.5)
    run = start(SMALL, "play")
    with PoorLine(port) as line:
        page = browse(at=line.port).open(run, unit="2")
        page.until(lambda frame: frame["status"]["step"] > 0)
        getattr(line, way)()
        with contextlib.suppress(ConnectionClosed):
            page.say("ready", frame=page.number, took=0, sight=sorted(PANELS))
        wait(lambda: not socket._pages, "the server to notice")
        assert session.engine().viewers(run) == 0, "nothing is made for who cannot see it"
        carried, before = line.carried, session.engine().view(run).step
        wait(lambda: session.engine().view(run).step > before + 50, "the run to go on")
        now = session.engine().view(run).step
        line.mend()
        back = browse(at=line.port).open(run, unit="2").hear()
        assert back["status"]["step"] >= now and set(back["figures"]) == PANELS and back["chosen"]["unit"] == 2
        assert line.carried - carried < 300_000, "of what was missed nothing is sent"
    session.engine().command(run, "stop")


def test_a_killed_worker_is_told_to_all_thirty_and_play_goes_on_from_the_last_checkpoint(
    browse: Callable[..., Browser],
) -> None:
    engine = session.engine()
    wait(lambda: engine.workers_ready() == len(engine._workers), "the workers")
    if len(engine._workers) < 2:
        pytest.fail("this needs two workers")
    watched = start(SMALL, "play")
    others = [start(SMALL + f"&seed={seed}", "play") for seed in (1, 2, 3)]
    worker = engine._runs[watched].worker
    elsewhere = [run for run in others if engine._runs[run].worker is not worker]
    assert worker is not None and worker.process is not None and elsewhere
    pages = [browse(f"student {number}").open(watched) for number in range(STUDENTS)]
    beside = browse("neighbor").open(elsewhere[0])
    for page in (*pages, beside):
        page.hear()
    wait(lambda: engine._runs[watched].checkpoint is not None, "a checkpoint")
    steps = {run: engine.view(run).step for run in elsewhere}
    os.kill(worker.process.pid, signal.SIGKILL)
    for page in pages:
        told = page.until(lambda frame: frame["status"]["status"] == "interrupted")
        assert told["status"]["message"].startswith("The worker of this run died at step ")
    kept = int(re.findall(r"go on from step (\d+)", told["status"]["message"])[0])
    for run in elsewhere:
        assert engine.view(run).status == "training"
        wait(lambda: engine.view(run).step > steps[run] + 20, "the other runs")  # noqa: B023
    engine.command(watched, "play")
    assert engine.view(watched).step == kept
    for page in pages:
        page.until(lambda frame: frame["status"]["status"] == "training" and frame["status"]["step"] > kept)
    view = engine.view(watched)
    assert view.train["step"][0] == 1 and (view.train["step"][1:] > view.train["step"][:-1]).all()
    assert beside.until(lambda frame: frame["status"]["step"] > steps[elsewhere[0]] + 20)["status"]["message"] == ""
    assert len(socket._pages) == STUDENTS + 1, "nobody was thrown out"
    for run in (watched, *others):
        engine.command(run, "stop")


class Sleeper:
    """A client that asks for frames and does not read them."""

    def __init__(self, port: int) -> None:
        self.line = sockets.socket()
        self.line.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 8 * 1024)
        self.line.connect(("127.0.0.1", port))
        key = 22 * "A" + "=="
        self.line.sendall(
            f"GET /explorer/socket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert b" 101 " in self.line.recv(1024)

    def say(self, kind: str, **words: object) -> None:
        text = json.dumps({"type": kind, **words}).encode()
        self.line.sendall(Frame(Opcode.TEXT, text).serialize(mask=True))

    def read_on(self) -> int:
        """Bytes that come until the server says nothing for a second or hangs up."""
        self.line.settimeout(1.0)
        count = 0
        try:
            while part := self.line.recv(1 << 16):
                count += len(part)
        except OSError:
            pass
        return count


def test_who_reads_slowly_gets_fewer_frames_and_never_a_queue(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    send_bytes = socket.WebSocket.send_bytes

    async def send(self: socket.WebSocket, content: bytes) -> None:
        made.append(len(content))
        await send_bytes(self, content)

    run = start(WIDE, "play")
    with endpoint(buffer=16 * 1024) as narrow:
        monkeypatch.setattr(socket.WebSocket, "send_bytes", send)
        sleeper = Sleeper(narrow)
        sleeper.say("open", protocol=messages.PROTOCOL, run=run, view="lab", query={})
        wait(lambda: made, "a frame")
        (slow,) = socket._pages
        blocked = 0
        deadline = time.monotonic() + PATIENCE
        while blocked < 25 and time.monotonic() < deadline:  # it always says that it is ready for more
            before = slow._number
            sleeper.say("ready", frame=before, took=1e9, sight=sorted(PANELS))  # and that it took all the time to draw
            time.sleep(0.1)
            blocked = blocked + 1 if slow._number == before else 0
        assert blocked == 25, "the server goes on sending to who does not read"
        assert len(slow._come) <= 2, "nothing waits behind what is on its way"
        monkeypatch.setattr(socket.WebSocket, "send_bytes", send_bytes)
        quick = browse().open(run)
        for _ in range(10):
            quick.next()  # others are served meanwhile
        assert sum(made[:-1]) <= 400_000, "what the network and the web server hold for it is little"
        come, step = sleeper.read_on(), session.engine().view(run).step
        assert come <= sum(made) + 100_000, "what it missed is not sent"
        assert quick.until(lambda frame: frame["status"]["step"] >= step)
        sleeper.line.close()
        wait(lambda: len(socket._pages) == 1, "the page to go")
    session.engine().command(run, "stop")


def test_messages_that_come_too_fast_wait_in_the_network(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    read = messages.read
    monkeypatch.setattr(messages, "read", lambda text: (heard.append(time.monotonic()), read(text))[1])
    page = browse().open(start())
    page.hear()
    begun = time.monotonic()
    for _ in range(600):
        page.say("ping")
    wait(lambda: len(heard) > 400, "more than what is read at once")
    assert len(heard) <= (time.monotonic() - begun + 1) * socket.MESSAGES_PER_SECOND + 2


def test_handshakes_that_say_nothing_take_places_for_a_short_time_only(
    port: int, browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "HELLO", 1.0)
    monkeypatch.setattr(socket, "SILENCE", 1000.0)
    idle = [browse() for _ in range(socket.PAGES_EACH)]
    assert browse().hear()["type"] == "full"
    assert [page.ended() for page in idle] == [1008] * len(idle)
    assert browse().open(start()).hear()["panels"]
