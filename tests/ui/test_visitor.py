"""Who a visitor is: a signed cookie that comes with the first page."""

from __future__ import annotations

import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send
from streamlit.testing.v1 import AppTest

from rnn_explorer.ui import secret, visitor
from rnn_explorer.ui.visitor import LIFE, NewVisitors, Visitors
from tests.ui.asgi import AnalysisResult, ask, scope_of

PAGE = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder for one test."""
    monkeypatch.setenv("RNN_EXPLORER_DATA", str(tmp_path / "data"))
    secret.key.cache_clear()
    yield tmp_path / "data"
    secret.key.cache_clear()


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """HTML everywhere but for scripts and what is missing; a page that is known to the browser is not sent again."""
    path, headers = scope["path"], dict(scope["headers"])
    if path.endswith(".js"):
        answer = PlainTextResponse("script", media_type="text/javascript")
    elif path == "/missing":
        answer = HTMLResponse("missing", status_code=404)
    else:
        answer = HTMLResponse("page", status_code=304 if b"if-none-match" in headers else 200)
    await answer(scope, receive, send)


def visitors(budget: NewVisitors | None = None, path: str = "") -> Visitors:
    return Visitors(pages, path=path, elsewhere=("/explorer/", "/_stcore/"), budget=budget)


def cookie_in(answer: AnalysisResult) -> str:
    """The cookie that an answer sets, as a browser sends it back."""
    (line,) = answer.all("set-cookie")
    return line.partition(";")[0]


def test_the_first_page_brings_a_cookie_that_scripts_cannot_read_and_other_sites_cannot_use() -> None:
    (line,) = ask(visitors(), **PAGE).all("set-cookie")
    value, *attributes = line.split("; ")
    assert set(attributes) == {"Path=/", f"Max-Age={LIFE}", "HttpOnly", "SameSite=Lax"}
    name = visitor.of(scope_of(cookie=value))
    assert name is not None and re.fullmatch(r"[A-Za-z0-9_-]{22}", name)


def test_over_tls_the_cookie_never_travels_without_it() -> None:
    assert "Secure" in ask(visitors(), scheme="https", **PAGE).all("set-cookie")[0]


def test_under_a_path_the_cookie_stays_there() -> None:
    assert "Path=/lab;" in ask(visitors(path="/lab"), "/lab/", **PAGE).all("set-cookie")[0]


def test_a_page_with_a_cookie_is_not_for_other_people() -> None:
    assert ask(visitors(), **PAGE).header("cache-control") == "private, no-cache"


def test_loading_again_is_the_same_visitor_and_another_browser_is_not() -> None:
    first, other = cookie_in(ask(visitors(), **PAGE)), cookie_in(ask(visitors(), **PAGE))
    again = ask(visitors(), cookie=f"theme=dark; {first}; a=b", **PAGE)
    assert again.all("set-cookie") == []
    assert visitor.of(scope_of(cookie=first)) == visitor.of(scope_of(kind="websocket", cookie=f"a=b; {first}"))
    assert visitor.of(scope_of(cookie=first)) != visitor.of(scope_of(cookie=other))


def test_a_page_that_the_browser_keeps_comes_anew_with_its_cookie() -> None:
    """A page confirmed with 304 would be there without any."""
    answer = ask(visitors(), if_none_match='"x"', **PAGE)
    assert answer.status == 200 and answer.body == "page" and cookie_in(answer)
    assert ask(visitors(), if_none_match='"x"', cookie=cookie_in(answer), **PAGE).status == 304


@pytest.mark.parametrize("path, headers, method", [
    ("/static/main.js", PAGE, "GET"),
    ("/missing", PAGE, "GET"),
    ("/explorer/figure/run/curves.html", PAGE, "GET"),
    ("/_stcore/health", PAGE, "GET"),
    ("/", {"accept": "*/*"}, "GET"),  # a probe that asks whether the server is there
    ("/", {}, "GET"),
    ("/", PAGE, "HEAD"),
    ("/", PAGE, "POST"),
])  # fmt: skip
def test_only_a_page_brings_a_cookie(path: str, headers: dict[str, str], method: str) -> None:
    budget = NewVisitors(usual=1, own=1)
    assert ask(visitors(budget), path, method=method, **headers).all("set-cookie") == []
    assert len(budget) == 0


def forged() -> list[str]:
    good = visitor.write("A" * 22)
    name, when, signature = good.split(".")
    return [
        "", "x", good[:-1], good + "0", good.upper(), f"{'B' * 22}.{when}.{signature}",
        f"{name}.{int(when) + 1}.{signature}",
        f"{name}.{when}.{'0' * 64}", f"{name}.{when}", f"{name}..{signature}", f"{name}.{when}.{signature} x", "é" * 22,
        f"{name}.{'9' * 40}.{signature}", f'"{good}"; x', visitor.write("A" * 22, 0.0), visitor.write("short"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(16))
def test_a_forged_garbled_or_old_cookie_is_replaced(number: int) -> None:
    value = forged()[number]
    sent = f"{visitor.cookie_name()}={value}"
    if '"' not in value:
        assert visitor.read(value) is None and visitor.of(scope_of(cookie=sent)) is None
        assert cookie_in(ask(visitors(), cookie=sent, **PAGE)) != sent
    assert ask(visitors(), cookie=sent, **PAGE).status == 200


@given(st.text(max_size=120))
def test_any_text_is_no_visitor(text: str) -> None:
    assert visitor.read(text) is None


def test_a_cookie_of_another_key_is_nobodys_and_stays_the_other_servers(own_key: Path) -> None:
    value, name = visitor.write("A" * 22), visitor.cookie_name()
    (own_key / "visitors.key").unlink()
    secret.key.cache_clear()
    assert visitor.read(value) is None and visitor.cookie_name() != name


def test_a_cookie_in_use_is_renewed_for_the_same_visitor() -> None:
    old = f"{visitor.cookie_name()}={visitor.write('A' * 22, now=time.time() - LIFE / 2)}"
    budget = NewVisitors(usual=0, own=0)
    renewed = cookie_in(ask(visitors(budget), cookie=old, **PAGE))
    assert renewed != old and visitor.of(scope_of(cookie=renewed)) == "A" * 22


# -- the budget ---------------------------------------------------------------------------------------------------


def test_a_classroom_behind_one_address_gets_in_and_a_flood_does_not() -> None:
    now = [0.0]
    budget = NewVisitors(usual=120, own=2000, clock=lambda: now[0])
    app = visitors(budget)
    assert all(ask(app, client="10.0.0.1", **PAGE).status == 200 for _ in range(120))
    refused = ask(app, client="10.0.0.1", **PAGE)
    assert refused.status == 429 and refused.all("set-cookie") == [] and "Try again" in refused.body
    assert refused.body.count("\n") == 1 and "page" not in refused.body.split("."), "the page itself is not sent"
    assert ask(app, client="10.0.0.2", **PAGE).status == 200, "others are not touched"
    assert ask(app, "/static/main.js", client="10.0.0.1", **PAGE).status == 200
    now[0] += 30
    assert ask(app, client="10.0.0.1", **PAGE).status == 200, "two a minute come back"
    assert ask(app, client="10.0.0.1", **PAGE).status == 429


def test_a_known_visitor_is_let_in_when_the_budget_is_used_up() -> None:
    app = visitors(NewVisitors(usual=1))
    cookie = cookie_in(ask(app, client="10.0.0.1", **PAGE))
    assert ask(app, client="10.0.0.1", **PAGE).status == 429
    assert ask(app, client="10.0.0.1", cookie=cookie, **PAGE).status == 200


def test_loopback_has_a_larger_budget() -> None:
    budget = NewVisitors(usual=1, own=3)
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert budget.take(address)
    assert [budget.take("127.0.0.1"), budget.take("127.0.0.1")] == [True, False], "both spellings are one address"


def test_addresses_are_counted_as_those_who_have_them() -> None:
    budget = NewVisitors(usual=1)
    assert budget.take("2001:db8::1") and not budget.take("2001:db8::2"), "a network of IPv6 is one home"
    assert budget.take("2001:db8:0:1::1")
    assert budget.take("10.0.0.1") and not budget.take("::ffff:10.0.0.1")
    assert budget.take("") and not budget.take("") and budget.take("fe80::1%eth0")


def test_the_counters_are_bounded() -> None:
    budget = NewVisitors(usual=1)
    for number in range(10_000):
        budget.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(budget) <= 4096


# -- the key ------------------------------------------------------------------------------------------------------


def test_the_key_is_kept_for_its_user_alone(own_key: Path) -> None:
    key = secret.key()
    file = own_key / "visitors.key"
    assert len(key) == 32 and file.read_bytes() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(own_key.stat().st_mode) == 0o700
    assert os.listdir(own_key) == ["visitors.key"], "nothing else is left"
    secret.key.cache_clear()
    assert secret.key() == key, "the next start finds it"


def test_a_key_that_others_can_read_is_closed(own_key: Path) -> None:
    key = secret.key()
    (own_key / "visitors.key").chmod(0o644)
    secret.key.cache_clear()
    assert secret.key() == key and stat.S_IMODE((own_key / "visitors.key").stat().st_mode) == 0o600


def test_half_a_key_is_replaced(own_key: Path, caplog: pytest.LogCaptureFixture) -> None:
    own_key.mkdir()
    (own_key / "visitors.key").write_bytes(b"half")
    assert len(secret.key()) == 32 and (own_key / "visitors.key").read_bytes() == secret.key()
    assert "made anew" in caplog.text


def test_two_servers_that_start_at_once_have_one_key(own_key: Path) -> None:
    own_key.mkdir()
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: secret._kept(own_key), range(32)))
    assert len(keys) == 1


def test_without_a_folder_the_key_is_for_this_process_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RNN_EXPLORER_DATA", str(tmp_path / "file" / "data"))
    secret.key.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert len(secret.key()) == 32 and secret.key() == secret.key()
    assert "RNN_EXPLORER_DATA" in caplog.text


def test_without_the_variable_the_key_lies_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNN_EXPLORER_DATA")
    assert secret.data_folder().name == "rnn-explorer" and secret.data_folder().is_absolute()


# -- in a page ----------------------------------------------------------------------------------------------------


def page() -> None:
    import streamlit as st

    from rnn_explorer.ui import visitor

    st.text(visitor.current())
    st.button("again")


def test_without_a_cookie_a_session_is_a_visitor_of_its_own() -> None:
    first, second = AppTest.from_function(page).run(), AppTest.from_function(page).run()
    name = first.text[0].value
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", name)
    assert first.button[0].click().run().text[0].value == name != second.text[0].value


def test_a_page_is_run_for_the_visitor_of_its_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    cookies = {visitor.cookie_name(): visitor.write("A" * 22)}
    monkeypatch.setattr(type(streamlit.context), "cookies", cookies)
    assert AppTest.from_function(page).run().text[0].value == "A" * 22
    cookies[visitor.cookie_name()] = visitor.write("A" * 22)[:-1] + "!"
    assert AppTest.from_function(page).run().text[0].value != "A" * 22
