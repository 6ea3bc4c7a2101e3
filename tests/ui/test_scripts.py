"""The page's scripts: compressed, cached by version, and nothing else from that folder."""

from __future__ import annotations

import gzip
import re

from starlette.requests import Request
from starlette.responses import Response

from rnn_explorer.ui import scripts


def get(name: str, digest: str = "", accepts: str = "") -> Response:
    path = {"digest": digest or scripts.digest(), "name": name}
    headers = [(b"accept-encoding", accepts.encode())]
    return scripts.module(Request({"type": "http", "path_params": path, "headers": headers}))


def test_modules_are_sent_compressed_and_may_be_kept_for_ever() -> None:
    for name, source in scripts.modules().items():
        answer = get(name, accepts="gzip, br")
        assert answer.status_code == 200 and gzip.decompress(bytes(answer.body)) == source
        assert answer.headers["content-encoding"] == "gzip" and "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
    plain = get("main.js", accepts="identity")
    assert plain.body == scripts.modules()["main.js"] and "content-encoding" not in plain.headers


def test_another_version_or_another_file_is_not_there() -> None:
    assert get("main.js", digest="0" * 16).status_code == 404
    for name in ("loader.js", "live.css", "types.d.ts", "__init__.py", "nosuch.js"):
        assert get(name).status_code == 404, name


def test_the_module_that_knows_plotlys_inside_names_the_version_that_is_installed() -> None:
    found = re.search(rb"plotly\.js v([0-9.]+)", scripts.plotly_script()[:400])
    assert found and f"plotly.js {found[1].decode()};" in scripts.modules()["plotly_internals.js"].decode()
