"""Who a visitor is: a browser, known by a signed cookie that it is given with the first page.

The name in the cookie is random and says nothing about the person. Budgets, runs and uploads go by it: a page that is
loaded again, or opened twice, belongs to the same visitor; another browser does not.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rnn_explorer.ui import secret
from rnn_explorer.ui.access import refuse

LIFE = 180 * 24 * 3600  # seconds after which a cookie that was not used is worth nothing
RENEWED = 24 * 3600  # seconds after which a page gives the same name in a new cookie
A_CLASSROOM = 120  # new visitors that one address may bring at once, and in an hour
THIS_MACHINE = 2000  # the same for loopback, behind which a proxy may hide everybody
_ADDRESSES = 4096  # that are counted; the one that came least recently is forgotten first
_STATE = "visitor"  # where a session without a cookie keeps its name
_COOKIE = re.compile(r"([A-Za-z0-9_-]{22})\.(\d{1,12})\.([0-9a-f]{64})", re.ASCII)


def current() -> str:
    """The visitor whose page is being run: 22 letters; by the cookie, or for this session alone where there is none."""
    sent = st.context.cookies.get(cookie_name())
    found = read(sent) if isinstance(sent, str) else None
    if found is None:
        return st.session_state.setdefault(_STATE, new_name())
    st.session_state[_STATE] = found
    return found


def of(scope: Scope) -> str | None:
    """The visitor who sent a request (or opened a websocket), by its cookie; None where it brings none of ours."""
    return read(_cookie_of(scope))


def new_name() -> str:
    """A name for a visitor, of 128 random bits."""
    return secrets.token_urlsafe(16)


def cookie_name() -> str:
    """What the cookie is called. Servers on other ports of this machine share cookies; each key has its own."""
    return f"rnn_explorer_{hashlib.sha256(secret.key()).hexdigest()[:8]}"


def write(name: str, now: float | None = None) -> str:
    """The cookie's value for a visitor."""
    text = f"{name}.{int(time.time() if now is None else now)}"
    return f"{text}.{_signature(text)}"


def read(value: str, now: float | None = None) -> str | None:
    """The visitor in a cookie's value; None where it is not from this server, or is over."""
    found = _COOKIE.fullmatch(value)
    if found is None or not hmac.compare_digest(_signature(f"{found[1]}.{found[2]}"), found[3]):
        return None
    age = (time.time() if now is None else now) - int(found[2])
    return found[1] if age < LIFE else None


def _signature(text: str) -> str:
    return hmac.new(secret.key(), f"visitor {text}".encode(), hashlib.sha256).hexdigest()


def _cookie_of(scope: Scope) -> str:
    return cookie_parser("; ".join(Headers(scope=scope).getlist("cookie"))).get(cookie_name(), "")


class NewVisitors:
    """Counts how many new visitors each address brings: a number at once, refilled over an hour.

    Args:
        usual: for each address; those of IPv6 count by network (/64), in which a browser has as many as it likes.
        own: for loopback.
        clock: seconds, from anywhere.
    """

    def __init__(
        self, usual: int = A_CLASSROOM, own: int = THIS_MACHINE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.usual, self.own, self._clock = usual, own, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left of an address, and since when

    def take(self, address: str) -> bool:
        """Count a new visitor; False where the address has brought too many."""
        name, most = self._counted(address)
        now = self._clock()
        left, since = self._left.pop(name, (float(most), now))
        left = min(most, left + (now - since) * most / 3600)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        return left >= 1

    def __len__(self) -> int:
        return len(self._left)

    def _counted(self, address: str) -> tuple[str, int]:
        try:
            known = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return address[:64], self.usual
        if isinstance(known, ipaddress.IPv6Address):
            if known.ipv4_mapped is None:
                network = ipaddress.ip_network((known, 64), strict=False)
                return str(network), self.own if known.is_loopback else self.usual
            known = known.ipv4_mapped
        return str(known), self.own if known.is_loopback else self.usual


class Visitors:
    """Gives every browser its cookie with the first page that it loads, before it opens anything else.

    Args:
        app: what serves the pages.
        path: under which the cookie counts, "" for everything.
        elsewhere: beginnings of paths that are no pages.
        budget: how many new visitors may come.
    """

    def __init__(
        self, app: ASGIApp, path: str = "", elsewhere: tuple[str, ...] = (), budget: NewVisitors | None = None
    ):
        self.app = app
        self.path = path or "/"
        self.elsewhere = elsewhere
        self.budget = NewVisitors() if budget is None else budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._asks_for_a_page(scope):
            await self.app(scope, receive, send)
            return
        value = _cookie_of(scope)
        name = read(value)
        if name is not None and time.time() - int(value.split(".")[1]) < RENEWED:
            await self.app(scope, receive, send)
            return
        # A page that the browser has kept would come without its cookie.
        kept = (b"if-none-match", b"if-modified-since")
        scope = {**scope, "headers": [(key, text) for key, text in scope["headers"] if key not in kept]}
        turned_away = False

        async def send_with_cookie(message: Message) -> None:
            nonlocal turned_away
            if message["type"] == "http.response.start" and _is_page(message):
                address = (scope.get("client") or ("", 0))[0]
                if name is None and not self.budget.take(address):
                    turned_away = True
                    await refuse(
                        scope, receive, send, 429,
                        "More new visitors came from your network than this server takes in an hour. Try again in a "
                        "few minutes, or in the browser that you used before, with cookies allowed.",
                    )  # fmt: skip
                    return
                headers = MutableHeaders(raw=list(message["headers"]))
                headers.append("set-cookie", self._cookie(name or new_name(), scope["scheme"] == "https"))
                headers["cache-control"] = "private, no-cache"
                message = {**message, "headers": headers.raw}
            if not turned_away:
                await send(message)

        await self.app(scope, receive, send_with_cookie)

    def _asks_for_a_page(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and "text/html" in Headers(scope=scope).get("accept", "")
            and not scope["path"].startswith(self.elsewhere)
        )

    def _cookie(self, name: str, secure: bool) -> str:
        # Lax, not Strict: who follows a link from elsewhere to a run of their own is still the same visitor.
        attributes = [f"{cookie_name()}={write(name)}", f"Path={self.path}", f"Max-Age={LIFE}", "HttpOnly"]
        return "; ".join([*attributes, "SameSite=Lax", *(["Secure"] if secure else [])])


def _is_page(message: Message) -> bool:
    kind = MutableHeaders(raw=message["headers"]).get("content-type", "")
    return message["status"] == 200 and kind.startswith("text/html")
