"""Streamlit's frontend as it is sent: compressed, cached, and with our style in its page."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import Message
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from rnn_explorer.figures.style import template
from rnn_explorer.ui import frontend, scripts
from rnn_explorer.ui.compression import takes_gzip
from rnn_explorer.ui.frontend import FOLDER, Frontend, files
from rnn_explorer.ui.server import CONTENT_POLICY
from tests.ui.asgi import run, scope_of

SCRIPT = next(name for name in files() if re.search(r"/js/index\.", name))
STYLE = next(name for name in files() if re.search(r"/css/index\.", name))
FOREVER = "public, max-age=31536000, immutable"


def made(path: str = "") -> Starlette:
    """Streamlit's own files behind ours."""
    own = create_streamlit_static_handler(str(FOLDER), path)
    middleware = [Middleware(Frontend, path=path, elsewhere=(f"{path}/static/",))]
    return Starlette(routes=[Mount(path or "/", app=own)], middleware=middleware)


def ask(name: str, path: str = "", **about: Any) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def asking() -> None:
        async def receive() -> Message:
            await asyncio.Event().wait()  # who asks stays until all has come
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        await made(path)(scope_of(path + name, **about), receive, send)

    run(asking())
    headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.mark.parametrize("path", ["", "/lab"])
@pytest.mark.parametrize("name, kind", [(SCRIPT, "text/javascript"), (STYLE, "text/css")])
def test_scripts_and_styles_go_out_compressed_and_live_for_ever(path: str, name: str, kind: str) -> None:
    status, headers, body = ask(name, path, accept_encoding="gzip, deflate, br, zstd")
    assert status == 200 and headers["content-encoding"] == "gzip" and headers["content-type"].startswith(kind)
    assert headers["cache-control"] == FOREVER and headers["vary"] == "accept-encoding"
    assert int(headers["content-length"]) == len(body)
    content = (FOLDER / name.lstrip("/")).read_bytes()
    assert len(body) < 0.4 * len(content)
    found = gzip.decompress(body)
    assert found == content or name == STYLE


def test_what_was_compressed_is_what_a_head_request_tells_of() -> None:
    about = {"accept_encoding": "gzip"}
    assert ask(SCRIPT, method="HEAD", **about)[1]["content-length"] == ask(SCRIPT, **about)[1]["content-length"]


@pytest.mark.parametrize("about", [{}, {"accept_encoding": "br"}, {"accept_encoding": "gzip;q=0"}])
def test_who_reads_no_gzip_gets_the_file_as_it_is(about: dict[str, str]) -> None:
    status, headers, body = ask(SCRIPT, **about)
    assert status == 200 and "content-encoding" not in headers
    assert "immutable" in headers["cache-control"]
    assert body == (FOLDER / SCRIPT.lstrip("/")).read_bytes()


def test_a_part_of_a_file_is_a_part_of_the_file() -> None:
    status, headers, body = ask(SCRIPT, accept_encoding="gzip", range="bytes=0-9")
    assert status == 206 and "content-encoding" not in headers and len(body) == 10


@pytest.mark.parametrize("name", [
    "/static/js/nosuch.abcdefgh.js", "/static/js/../../index.html", "/static/js/..%2f..%2findex.html", "/static/js/",
    f"{SCRIPT}/", f"/static{SCRIPT}",
])  # fmt: skip
def test_only_files_that_there_are_have_addresses(name: str) -> None:
    status, headers, body = ask(name, accept_encoding="gzip")
    content = zlib.decompress(body, 31) if headers.get("content-encoding") == "gzip" else body
    assert status != 200 or b"<title>RNN Explorer</title>" in content or body == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("name", ["/", "/memory", "/nosuch/page"])
def test_our_style_title_and_icon_stand_in_every_page(name: str) -> None:
    old = {"if_none_match": ask(name)[1].get("etag", "x"), "if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    status, headers, body = ask(name, accept="text/html", **old)
    page = body.decode()
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert "no-cache" in headers["cache-control"] and "etag" not in headers
    assert int(headers["content-length"]) == len(body)
    assert ".rx-view" in page and "stMainBlockContainer" in page and "<title>RNN Explorer</title>" in page
    assert 'href="data:image/svg+xml' in page and "favicon.png" not in page
    status, headers, smaller = ask(name, accept="text/html", accept_encoding="gzip", **old)
    assert status == 200 and headers["content-encoding"] == "gzip" and headers["vary"] == "accept-encoding"
    assert gzip.decompress(smaller) == body and len(smaller) < 0.5 * len(body)


def test_a_page_under_a_path_has_our_style_too() -> None:
    assert b".rx-view" in ask("/memory", "/lab")[2]


def test_the_font_of_icons_loads_only_where_an_icon_is_shown() -> None:
    """Streamlit asks for a space in it with every page; a font without a space is not loaded for that."""
    style = gzip.decompress(ask(STYLE, accept_encoding="gzip")[2])
    (face,) = re.findall(rb"@font-face\{font-family:Material Symbols Rounded;[^}]*\}", style)
    assert b"unicode-range:U+21-10FFFF;" in face
    assert style.replace(b"unicode-range:U+21-10FFFF;", b"", 1) == (FOLDER / STYLE.lstrip("/")).read_bytes()


def test_each_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = frontend.compressed
    frontend._compressed_file.cache_clear()
    monkeypatch.setattr(frontend, "compressed", lambda content: (calls.append(len(content)), real(content))[1])
    bodies = {ask(SCRIPT, accept_encoding="gzip")[2] for _ in range(3)}
    assert len(calls) == len(bodies) == 1


@pytest.mark.parametrize("accepted, reads", [
    ("gzip", True), ("br, gzip;q=0.5", True), ("GZIP", True), ("gzip; q=1.0", True), ("gzip;q=0", False),
    ("gzip;q=0.000", False), ("xgzip", False), ("br", False), ("", False), ("gzip;q=x, *", True), ("identity", False),
])  # fmt: skip
def test_who_reads_gzip(accepted: str, reads: bool) -> None:
    assert takes_gzip(Headers({"accept-encoding": accepted})) is reads


def test_every_class_of_the_figures_style_is_one_of_theirs() -> None:
    """The style stands in the page for all of it."""
    for rule in re.findall(
        r"(?m)^([^\s@}/][^{]*)\{", "".join(style.read_text(encoding="utf-8") for style in scripts.STYLES)
    ):
        assert "rx-" in rule, rule


def test_the_early_script_stands_before_streamlits_and_is_allowed_by_its_hash() -> None:
    page = ask("/")[2]
    inline = page.index(b"<script>" + frontend.EARLY + b"</script>")
    assert inline < page.index(b"</head>")
    digest = base64.b64encode(hashlib.sha256(frontend.EARLY).digest()).decode()
    assert f"'sha256-{digest}'" in CONTENT_POLICY


def test_text_of_static_figures_follows_the_switch_of_light_and_dark() -> None:
    rules = Path(frontend.__file__).with_name("page.css").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        color = template(theme)["layout"]["font"]["color"]
        red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
        assert f"fill: rgb({red}, {green}, {blue})" in rules  # as a browser writes it
