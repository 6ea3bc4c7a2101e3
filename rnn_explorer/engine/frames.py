"""The format of a frame, which shows a viewer a run: a message of plain data and arrays, as bytes.

A frame is a 4-byte little-endian length, a header of that length as JSON, and raw little-endian arrays behind it, each
at a multiple of 8 bytes. For an array the header has `{"$": [type, shape, offset]}`, with an offset from the end of the
header. A fourth entry is either `[low, high]`, for bytes that stand for numbers in between (254 for `high`, 255 for
none), or a count, for an array that begins with so many numbers of the one sent before.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.jsonable import jsonable

_ALIGN = 8  # bytes: a browser reads arrays in place only where their numbers lie at multiples of their size
_TYPES = {"f2": np.float16, "f4": np.float32, "f8": np.float64, "i1": np.int8, "i2": np.int16, "i4": np.int32,
          "u1": np.uint8, "u2": np.uint16, "u4": np.uint32}  # fmt: skip


@dataclass(frozen=True)
class Grown:
    """An array that begins as the one before it did.

    Attributes:
        keep: how many numbers are the same.
        rest: those that follow.
    """

    keep: int
    rest: np.ndarray

    def after(self, before: np.ndarray) -> np.ndarray:
        """The whole array."""
        return np.concatenate([before[: self.keep], self.rest])


@dataclass(frozen=True)
class Coarse:
    """A map in bytes; see `_in_bytes`."""

    codes: np.ndarray
    low: float
    high: float


def sendable(value: np.ndarray) -> np.ndarray | list[Any]:
    """An array as it goes out: little-endian and contiguous, in a type that browsers have; else a list."""
    kind = value.dtype.kind
    if kind == "f":
        value = _floats(value)
    elif kind in "iu":
        if value.dtype.itemsize == 8:
            fits = not value.size or (value.min() >= -(2**31) and value.max() < 2**31)
            value = value.astype(np.int32 if fits else np.float32)
    else:
        return value.tolist()
    return np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))


def _floats(value: np.ndarray) -> np.ndarray:
    """Maps are most of what is sent, and their colors need no more than half precision (three digits and a bit).

    A line has double precision where single would not tell its values apart, as of 1e15 + {0, 1, 2}.
    """
    if value.dtype == np.float16 or (value.ndim == 1 and value.dtype == np.float32):
        return value
    if value.ndim == 2 and value.size:
        half = value.astype(np.float16)
        if not ((half.view(np.uint16) & 0x7FFF) == 0x7C00).any():  # infinite: too large for half precision
            return half
    single = value.astype(np.float32)
    if value.ndim == 1 and value.dtype == np.float64:
        known = np.isfinite(value)
        lost = np.abs(single[known].astype(np.float64) - value[known]).max(initial=0.0)
        if lost > 0 and lost > 1e-4 * np.ptp(value[known]) > 0:
            return value
    return single


@np.errstate(over="ignore", invalid="ignore")
def pack(message: Mapping[str, Any]) -> bytes:
    """A message as a frame; numbers of the header that JSON does not know become null.

    Raises:
        TypeError: when something is no plain data.
    """
    blocks: list[bytes] = []
    try:
        header = _header(message, blocks)
    except ValueError:  # a number that JSON does not know, as a run that explodes brings them
        blocks.clear()
        header = _header(jsonable(message, keep_arrays=True), blocks)
    header += b" " * (-(4 + len(header)) % _ALIGN)
    return b"".join((len(header).to_bytes(4, "little"), header, *blocks))


def _header(message: Any, blocks: list[bytes]) -> bytes:
    size = 0

    def placed(value: np.ndarray, *more: Any) -> Any:
        nonlocal size
        wired = sendable(value)
        if isinstance(wired, list):
            return wired
        raw = wired.tobytes()
        place = {"$": [f"{wired.dtype.kind}{wired.dtype.itemsize}", list(wired.shape), size, *more]}
        blocks.append(raw + b"\0" * (-len(raw) % _ALIGN))
        size += len(blocks[-1])
        return place

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return placed(value)
        if isinstance(value, Grown):
            return placed(value.rest, value.keep)
        if isinstance(value, Coarse):
            return placed(value.codes, [value.low, value.high])
        if isinstance(value, np.generic):
            return value.item()
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, (set, frozenset)):
            return list(value)
        raise TypeError(f"cannot send {type(value).__name__}")

    return json.dumps(message, default=plain, allow_nan=False, separators=(",", ":")).encode()


def unpack(frame: bytes) -> dict[str, Any]:
    """The message of a frame, with its arrays as numpy arrays (read-only, most without a copy), or `Grown`.

    Raises:
        ValueError: when it is no frame.
    """
    length = int.from_bytes(frame[:4], "little")
    begin = 4 + length
    if len(frame) < begin:
        raise ValueError("this frame is cut off")

    def revive(value: dict[str, Any]) -> Any:
        if value.keys() != {"$"}:
            return value
        code, shape, offset, *more = value["$"]
        if code not in _TYPES:
            raise ValueError(f"a frame has no arrays of type {str(code)[:20]!r}")
        kind = np.dtype(_TYPES[code]).newbyteorder("<")
        array = np.frombuffer(frame, kind, math.prod(shape), begin + offset).reshape(shape)
        if not more:
            return array
        if isinstance(more[0], int):
            return Grown(more[0], array)
        low, high = more[0]
        return np.where(array == 255, np.float32(np.nan), (low + array * ((high - low) / 254)).astype(np.float32))

    return json.loads(frame[4:begin], object_hook=revive)
