"""What a page says over its connection: small JSON texts, read and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnn_explorer.errors import UserError

PROTOCOL = 1  # of the words between page and server; another one for words that the other side would not understand
LARGEST = 64 * 1024  # characters of a message
_MOST_PARTS = 100  # of a selection
_MOST_PANELS = 64


class BadMessage(UserError):
    """A page said something that makes no sense here."""


@dataclass(frozen=True)
class Open:
    """What the page wants to see from now on, with all that is chosen."""

    run: str
    view: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class Choose:
    """Another selection of the same run; `query` as for `Engine.look`."""

    query: Mapping[str, str]


@dataclass(frozen=True)
class Ready:
    """A frame is drawn, and the next one is wanted.

    Attributes:
        frame: its number on this connection, from 1.
        took: seconds between its arrival and this message.
        sight: the names of the panels that are in sight.
    """

    frame: int
    took: float
    sight: frozenset[str]


@dataclass(frozen=True)
class Ping:
    """A sign of life."""


def read(text: str) -> Open | Choose | Ready | Ping:
    """One message.

    Raises:
        BadMessage: when it is none.
    """
    if len(text) > LARGEST:
        raise BadMessage(f"A message of more than {LARGEST // 1024} KiB is not read.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("The page sent a message that is not JSON. Reload the page.") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind == "ping":
        return Ping()
    if kind == "ready":
        return Ready(_whole(message.get("frame")), _seconds(message.get("took")), _names(message.get("sight")))
    if kind == "choose":
        return Choose(_query(message))
    if kind == "open":
        if message.get("protocol") != PROTOCOL:
            raise BadMessage("This page is of another version than the server. Reload the page.")
        return Open(_text(message.get("run")), _text(message.get("view")), _query(message))
    raise BadMessage("The page sent a message that the server does not know. Reload the page.")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise BadMessage("The page did not say what it wants to see. Reload the page.")
    return value


def _query(message: Mapping[str, Any]) -> dict[str, str]:
    query = message.get("query", {})
    if (
        not isinstance(query, dict)
        or len(query) > _MOST_PARTS
        or not all(isinstance(part, str) for part in query.values())
    ):
        raise BadMessage("The page sent a selection that makes no sense. Reload the page.")
    return query


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _seconds(value: Any) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) / 1000 if good else 0.0


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(name for name in value[:_MOST_PANELS] if isinstance(name, str))
