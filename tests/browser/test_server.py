"""The server itself: its headers, and whom it answers."""

from __future__ import annotations

import json
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.conftest import Server


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
