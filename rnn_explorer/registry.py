"""Named things: one list that feeds widgets, experiments, URLs, help texts and conformance tests."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from rnn_explorer.errors import UserError

T = TypeVar("T")
U = TypeVar("U")
_SHOWN = 60  # characters of a requested name, in a message


class UnknownName(UserError):
    """A name that no entry of a registry has; the message lists the names that exist."""


class Registry(Generic[T]):
    """A mapping from names to things of one kind, in ascending order of a key, equals in the order of registration.

    Registering is idempotent on re-import: a thing defined again at the same place (same module and qualified
    name) takes the place of the old one, since a reloaded module defines its classes anew. A different thing
    under a name that is taken is an error.

    Args:
        kind: what the entries are, in the singular, for messages ("cell", "task").
        order: the key of an entry.
    """

    def __init__(self, kind: str, order: Callable[[T], int] = lambda entry: 0) -> None:
        self.kind, self._order = kind, order
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[U], U]:
        """Return a decorator that files its argument under `name`.

        Raises:
            ValueError: when something defined elsewhere already has this name.
        """

        def add(item: U) -> U:
            known = self._entries.get(name)
            if known is not None and _birthplace(known) != _birthplace(item):
                raise ValueError(f"{self.kind} {name!r} is already registered by {_birthplace(known)}")
            self._entries[name] = item  # type: ignore[assignment]
            self._entries = dict(sorted(self._entries.items(), key=lambda pair: self._order(pair[1])))
            return item

        return add

    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(self._entries)

    def get(self, name: str) -> T:
        """Return the entry called `name`.

        Raises:
            UnknownName: when there is none; the message names the nearest and all that exist.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownName(self._unknown(name)) from None

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(str(name)[: 2 * _SHOWN], self._entries, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        shown = repr(name) if len(str(name)) <= _SHOWN else repr(f"{str(name)[:_SHOWN]}…")
        return f"There is no {self.kind} {shown}.{hint} There are: {', '.join(self._entries)}."

    def items(self) -> Iterator[tuple[str, T]]:
        """Pairs of name and entry, in order."""
        return iter(tuple(self._entries.items()))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)


def _birthplace(item: object) -> str:
    home = item if hasattr(item, "__qualname__") else type(item)
    return f"{home.__module__}.{getattr(home, '__qualname__', '?')}"
