"""Values that are kept for the next time, as far as they fit into so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by keys; those that were used least recently go first. Every method may be called from any thread.

    Args:
        most: bytes that all values may take together, as `size_of` counts them; a larger one is not kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._entries: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes of all values."""
        with self._lock:
            return sum(size for _, size in self._entries.values())

    def get(self, key: Hashable) -> T | None:
        """A value; None where it is not kept (any more)."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value for as long as there is room."""
        size = size_of(value)
        with self._lock:
            self._entries.pop(key, None)
            if size > self.most:
                return
            self._entries[key] = (value, size)
            left = self.most - sum(size for _, size in self._entries.values())
            while left < 0:
                left += self._entries.popitem(last=False)[1][1]

    def get_or(self, key: Hashable, make: Callable[[], T]) -> T:
        """A value that is kept, else a new one, which is kept then."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def forget(self, which: Callable[[Any], bool] = lambda key: True) -> None:
        """Drop values by their keys; all where nothing says which."""
        with self._lock:
            for key in [key for key in self._entries if which(key)]:
                del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)


def size_of(value: Any) -> int:
    """About how many bytes a value takes, with all that it is made of; what is in it twice counts once."""
    return _size_of(value, set())


def _size_of(value: Any, counted: set[int]) -> int:
    if value is None or isinstance(value, (bool, int, float, type)) or id(value) in counted:
        return 0
    counted.add(id(value))
    if isinstance(value, np.ndarray):
        whole = value.base if isinstance(value.base, np.ndarray) else value
        return 64 + (value.nbytes if whole is value else _size_of(whole, counted))
    if isinstance(value, (str, bytes)):
        return 64 + len(value)
    parts: Iterable[Any] = ()
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (tuple, list, set, frozenset)):
        parts = value
    elif hasattr(value, "__dict__"):
        parts = vars(value).values()
    return 64 + sum(8 + _size_of(part, counted) for part in parts)
