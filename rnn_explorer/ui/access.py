"""Whom the server answers: requests that call it by a name of its own, and no page of another site.

A page anywhere on the web can make a browser send requests to this server, with its visitor's cookies. Two headers
tell: `Host`, the name by which the server was called (a name that somebody else's DNS points here is not ours), and
`Origin`, the page that sends the request. `Access` decides on both before anything else sees a request, a websocket's
handshake included. Streamlit would ask the internet for its own address where an origin does not match, and answer
nobody meanwhile; what it sees of a handshake always matches.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from rnn_explorer.tasks.user_data.limits import quoted

LONGEST_BODY = 4096  # bytes, of what is sent to a route of ours; none of them reads a body
USUAL_PORTS = {"http": 80, "https": 443}
_SAFE = ("GET", "HEAD", "OPTIONS")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{0,5}))?", re.ASCII)

_log = logging.getLogger(__name__)


class Origin(NamedTuple):
    """Where a request goes or comes from. `scheme` is "" and `port` None where they are not said."""

    scheme: str
    name: str
    port: int | None


def read_origin(text: str) -> Origin | None:
    """`name`, `name:port`, `[address]:port`, perhaps after `http://`, in a form that compares; None for the rest."""
    scheme, mark, authority = text.strip().rpartition("://")
    found = _AUTHORITY.fullmatch(authority.removesuffix("/"))
    if found is None or (mark and scheme.lower() not in USUAL_PORTS):
        return None
    name, port = found[1].lower().strip("[]").rstrip("."), int(found[2] or 0)
    if not name or port > 65535:
        return None
    literal = _address(name)
    if literal is None and found[1].startswith("["):
        return None
    return Origin(scheme.lower(), str(literal or name), port or None)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


@dataclass
class Rules:
    """By which names the server may be called, and which pages of other sites may use it.

    Args:
        names: host names besides `localhost` and every IP address; `*.example.org` stands for all names below it, `*`
            for any.
        origins: other sites, with or without their scheme.
        any_origin: whether every site may use the server (`server.enableCORS = false`).
    """

    names: set[str] = field(default_factory=set)
    origins: tuple[Origin, ...] = ()
    any_origin: bool = False

    @classmethod
    def of_server(cls) -> Rules:
        """As this machine is called and Streamlit's settings say."""
        called = [str(name) for name in config.get_option("server.allowedHosts") or ()]
        called += [str(config.get_option("server.address") or "")]
        if config.is_manually_set("browser.serverAddress"):
            called += [str(config.get_option("browser.serverAddress") or "")]
        places = (read_origin(str(origin)) for origin in config.get_option("server.corsAllowedOrigins") or ())
        rules = cls(
            names={name.strip().lower().rstrip(".") for name in called} - {""} | machine_names(socket.gethostname()),
            origins=tuple(place for place in places if place is not None),
            any_origin=not config.get_option("server.enableCORS"),
        )
        # The full name may be asked of a network that does not answer; until it does, the machine has its short one.
        threading.Thread(target=rules._learn_full_name, name="full-name", daemon=True).start()
        return rules

    def _learn_full_name(self) -> None:
        self.names = self.names | machine_names(socket.getfqdn())

    def knows(self, host: Origin) -> bool:
        """Whether the server may be called so. An IP address cannot be made to point elsewhere."""
        if host.name == "localhost" or _address(host.name) is not None:
            return True
        above = {f"*.{host.name.split('.', dots)[-1]}" for dots in range(1, host.name.count(".") + 1)}
        return bool(self.names & {host.name, "*", *above})

    def lets(self, origin: Origin, host: Origin, listening: int | None, fetched_from: str) -> bool:
        """Whether a page may use the server that it called by `host`.

        Args:
            origin: the site of the page, with its scheme.
            host: what the request calls this server.
            listening: the port on which the request came in, where it is known.
            fetched_from: what the browser says of the two (`Sec-Fetch-Site`), "" where it does not.
        """
        if self.any_origin or any(_matches(origin, allowed) for allowed in self.origins):
            return True
        if origin.name != host.name:
            return False
        usual = USUAL_PORTS[origin.scheme]
        if host.port is not None or (origin.port or usual) == usual:
            return (origin.port or usual) == (host.port or usual)
        # Browsers leave out a usual port only. Where a request without one comes in on another port, there is a proxy
        # that passes on the name alone, and the port that the page came from cannot be told.
        return listening not in (None, *USUAL_PORTS.values()) and fetched_from in ("", "same-origin")


def machine_names(name: str) -> set[str]:
    """A machine's name as it is, short, and as it is called in its own network without a name server."""
    name = name.strip().lower().rstrip(".")
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"} if short and _address(name) is None else set()


def _matches(origin: Origin, allowed: Origin) -> bool:
    usual = USUAL_PORTS[origin.scheme]
    return (
        origin.name == allowed.name
        and allowed.scheme in ("", origin.scheme)
        and (origin.port or usual) == (allowed.port or usual)
    )


class Access:
    """Refuses requests and websockets that call the server by a foreign name or come from a foreign page.

    Args:
        app: what the others are passed on to.
        bodiless: the beginning of the paths to which no long body may be sent.
        rules: who may come; those of this server where they are not given.
    """

    def __init__(self, app: ASGIApp, bodiless: str, rules: Rules | None = None) -> None:
        self.app = app
        self.bodiless = bodiless
        self.rules = rules or Rules.of_server()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            _log.warning("refused a request from %s: %s", (scope.get("client") or ("nowhere",))[0], refusal[1])
            await refuse(scope, receive, send, *refusal)
            return
        if scope["type"] == "websocket":
            self._make_match(scope)
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """HTTP status and sentence for a request that is not answered."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = read_origin(hosts[0]) if len(hosts) == 1 else None
        if host is None or host.scheme:
            return 400, "The request does not say which server it is for. Open the page by its address."
        if not self.rules.knows(host):
            return 421, (
                f"This server does not know the name {quoted(host.name)}. Call it by its IP address, or start it with "
                f"--server.allowedHosts and this name."
            )
        unsafe = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if not origins:
            if unsafe and "cookie" in headers:
                return 403, "The request carries a cookie but no Origin. Reload the page, or send no cookie."
        else:
            origin = read_origin(origins[0]) if len(origins) == 1 else None
            server, fetched_from = scope.get("server") or ("", None), headers.get("sec-fetch-site", "")
            if not self.rules.any_origin and (
                origin is None or not origin.scheme or not self.rules.lets(origin, host, server[1], fetched_from)
            ):
                return 403, (
                    f"The page {quoted(origins[0])} may not use this server. Open the server's own page, or start it "
                    f"with --server.corsAllowedOrigins and the page's address."
                )
        if unsafe and scope["type"] == "http" and scope["path"].startswith(self.bodiless) and _is_long(headers):
            return 413, "The request is too long: nothing is to be sent here but an address."
        return None

    def _make_match(self, scope: Scope) -> None:
        """Make a handshake that was let in one that Streamlit lets in, too, without looking further."""
        headers = MutableHeaders(scope={"headers": list(scope["headers"])})
        hosts = [str(name) for name in config.get_option("server.allowedHosts") or ()]
        if hosts:  # Streamlit then knows no other name, not even the machine's addresses
            headers["host"] = hosts[0].strip().replace("*", "any")
        if "origin" in headers:
            headers["origin"] = f"{'https' if scope['scheme'] == 'wss' else 'http'}://{headers['host']}"
        scope["headers"] = headers.raw


def _is_long(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdecimal() or int(length[:10]) > LONGEST_BODY


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    """Answer a request, or a websocket's handshake, with a status and a sentence, and hang up."""
    if scope["type"] == "websocket":  # closed before it is open, which the web server tells the client as 403
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:120]})
        return
    headers = {"connection": "close", "cache-control": "no-store"}
    await PlainTextResponse(f"{sentence}\n", status_code=status, headers=headers)(scope, receive, send)
