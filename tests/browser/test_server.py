"""The server itself: its headers, its workers, its end."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.conftest import Server, Visitor
from tests.ui.poor_line import PoorLine

Visit = Callable[..., Visitor]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "Z"


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_plotly_comes_from_the_installed_package_compressed_and_cached(server: Server) -> None:
    request = urllib.request.Request(server.url + "explorer/plotly.min.js", headers={"accept-encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
        assert answer.headers["content-encoding"] == "gzip" and len(body) < 2_000_000
        assert "immutable" in answer.headers["cache-control"]


def test_every_answer_carries_the_security_headers(server: Server) -> None:
    for path in ("", "_stcore/health", "explorer/plotly.min.js"):
        with urllib.request.urlopen(server.url + path) as answer:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy and "'unsafe-eval'" not in policy
            assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
            assert answer.headers["x-frame-options"] == "SAMEORIGIN"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_unknown_run_is_told_over_the_socket_and_a_foreign_page_is_refused(server: Server) -> None:
    address = f"ws://127.0.0.1:{server.port}/explorer/socket"
    wish = {"type": "open", "protocol": 1, "run": "nosuchrun", "view": "lab", "query": {}}
    with connect(address, origin=f"http://127.0.0.1:{server.port}") as line:  # type: ignore[arg-type]
        line.send(json.dumps(wish))
        assert json.loads(line.recv(timeout=20)) == {"type": "gone"}
    with pytest.raises(InvalidStatus), connect(address, origin="http://evil.example"):  # type: ignore[arg-type]
        pass


def test_a_poor_network_slows_the_figures_and_one_that_was_gone_is_told_in_words(server: Server, visit: Visit) -> None:
    with PoorLine(server.port) as line:
        lab = visit(at=Server(line.port, server.process)).open("task=flip_flop&cell=lstm&steps=100000")
        lab.press("play")
        lab.past(5)
        line.rate, line.round_trip, line.loss = 1e6, 0.2, 0.02
        for _ in range(3):
            lab.past(lab.drawn())  # slower, but it goes on
        line.cut()
        chip = lab.page.locator(".rx-chip-line")
        expect(chip).to_contain_text(re.compile("Not connected; trying again in [1-9]"))
        lab.page.wait_for_timeout(3000)
        expect(chip).to_contain_text("Not connected")
        line.rate = line.round_trip = line.loss = 0.0
        line.mend()
        step = lab.drawn()
        expect(chip).to_contain_text("Connected again")
        lab.past(step)
        expect(chip).to_be_hidden()
        lab.pause()
        lab.status("paused")
        lab.page.goto("about:blank")
        lab.complaints.clear()  # a browser whose network is gone says so


def cookie_of(visitor: Visitor) -> dict[str, object]:
    (found,) = [one for one in visitor.page.context.cookies() if str(one.get("name")).startswith("rnn_explorer_")]
    return {**found}


def test_a_refresh_is_the_same_visitor_and_another_browser_is_not(visit: Visit) -> None:
    lab, other = visit().open("task=adding"), visit().open("task=adding")
    cookie = cookie_of(lab)
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
    lab.page.reload()
    lab.ready()
    assert cookie_of(lab)["value"] == cookie["value"] != cookie_of(other)["value"]
    assert cookie["value"] not in lab.page.evaluate("document.cookie")


def test_a_killed_worker_is_replaced_and_its_run_can_be_resumed(own_server: Server, visit: Visit) -> None:
    assert wait(lambda: len(own_server.workers()) >= 1, 20)
    lab = visit(at=own_server).open("task=flip_flop&cell=lstm&steps=100000")
    lab.press("play")
    lab.past(100)
    before = own_server.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    lab.status("interrupted")
    expect(lab.page.locator(".rx-note")).to_contain_text("Press Play")
    assert wait(lambda: len(own_server.workers()) == len(before) and not set(before) & set(own_server.workers()), 20)
    expect(lab.play).to_contain_text("Resume")
    step = int(lab.view.get_attribute("data-step") or 0)
    lab.press("play")
    lab.status("training")
    lab.past(step)


def test_sigterm_ends_server_and_workers_while_a_run_is_watched(own_server: Server, visit: Visit) -> None:
    lab = visit(at=own_server).open("task=flip_flop&cell=lstm&steps=100000")
    lab.press("play")
    lab.past(10)
    workers = own_server.workers()
    assert workers
    own_server.process.send_signal(signal.SIGTERM)
    assert wait(lambda: own_server.process.poll() is not None, 5), "the server must end within 5 s"
    assert wait(lambda: all(gone(pid) for pid in workers), 2), "nothing may be left behind"
    lab.page.goto("about:blank")
    lab.complaints.clear()  # a browser whose server is gone may say so


def test_a_killed_server_leaves_no_workers(own_server: Server) -> None:
    assert wait(lambda: len(own_server.workers()) >= 1, 20)
    workers = own_server.workers()
    own_server.process.kill()
    own_server.process.wait()
    assert wait(lambda: all(gone(pid) for pid in workers), 5)
