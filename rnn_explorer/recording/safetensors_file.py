"""Files in the safetensors format by numpy alone: eight bytes of length, a JSON header, the numbers.

The library of that name does the same, but the server has no torch, and a foreign file's header is to be judged before
anything is allocated for what it promises.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from rnn_explorer.trace import Array

LENGTH = 8  # bytes that say how long the header is
LONGEST = 1_000_000  # bytes of a header; one of four layers takes 10,000, and learning curves up to 300,000
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
_TYPES: dict[str, np.dtype[Any]] = {
    "U8": np.dtype("u1"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


class BadHeader(ValueError):
    """The beginning of a file is none of a safetensors file; the message says what is wrong with "it"."""


@dataclass(frozen=True)
class Header:
    """The beginning of a safetensors file.

    Attributes:
        entries: `dtype`, `shape` and `data_offsets` of each tensor by name, and texts by name under `__metadata__`.
        end: where the numbers begin.
        size: of the whole file, in bytes.
    """

    entries: dict[str, Any]
    end: int
    size: int

    @property
    def tensors(self) -> dict[str, dict[str, Any]]:
        """The entries that are tensors."""
        return {name: entry for name, entry in self.entries.items() if name != "__metadata__"}

    @property
    def metadata(self) -> dict[str, str]:
        """The texts."""
        return dict(self.entries.get("__metadata__") or {})


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the beginning of a file, whose numbers fill the rest of it without a gap.

    Args:
        file: at its beginning.
        size: of the whole file, in bytes.

    Raises:
        BadHeader: where it is none, or does not fit the file.
        OSError: when it cannot be read.
    """
    length = int.from_bytes(file.read(LENGTH), "little")
    if length > size - LENGTH:
        raise BadHeader("its header is longer than the file")
    if not 2 <= length <= LONGEST:
        raise BadHeader(f"its header has {length:,} bytes, and 2 to {LONGEST:,} are possible")
    try:
        entries = json.loads(file.read(length))
    except (ValueError, RecursionError):
        raise BadHeader("its header is no JSON") from None
    if not isinstance(entries, dict) or not _are_texts(entries.get("__metadata__", {})):
        raise BadHeader("its header is no table of tensors")
    header = Header(entries, LENGTH + length, size)
    place = 0
    try:
        for begin, end in sorted(_checked(entry) for entry in header.tensors.values()):
            if begin != place:
                raise BadHeader("its tensors overlap, or leave gaps")
            place = end
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise error if isinstance(error, BadHeader) else BadHeader("its header is no table of tensors") from None
    if header.end + place != size:
        raise BadHeader(f"its tensors take {place:,} bytes, and {size - header.end:,} are there")
    return header


def _are_texts(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())


def _checked(entry: Any) -> tuple[int, int]:
    """Where the numbers of a tensor begin and end, counted from the end of the header."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if not isinstance(shape, list) or len(shape) > 8 or not all(_is_size(number) for number in (*shape, begin, end)):
        raise BadHeader("a tensor has a size that is no whole number from 0")
    if entry["dtype"] not in _BITS:
        raise BadHeader("a tensor has a type that does not exist")
    if end < begin or (end - begin) * 8 != math.prod(shape) * _BITS[entry["dtype"]]:
        raise BadHeader("a tensor has another number of bytes than its shape says")
    return begin, end


def _is_size(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63


def tensor(header: Header, content: bytes, name: str) -> Array:
    """One tensor of a file, which shares the memory of its content and cannot be changed.

    Raises:
        BadHeader: for a type that numpy has not.
    """
    entry = header.entries[name]
    if entry["dtype"] not in _TYPES:
        raise BadHeader(f"a tensor has the type {entry['dtype']}, and {', '.join(_TYPES)} can be read")
    begin = header.end + entry["data_offsets"][0]
    count = math.prod(entry["shape"])
    return np.frombuffer(content, _TYPES[entry["dtype"]], count, begin).reshape(entry["shape"])


def packed(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """A file of these arrays (uint8, int32, float32 or float64) and texts."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts: list[bytes] = []
    place = 0
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])):  # each is aligned
        content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        offsets = [place, place + len(content)]
        kind = _NAMES[array.dtype.newbyteorder("<")]
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
        parts.append(content)
        place = offsets[1]
    return assembled(entries, b"".join(parts))


def assembled(entries: Mapping[str, Any], numbers: bytes, **metadata: str) -> bytes:
    """A file of these entries and numbers, with more or other texts."""
    if metadata:
        entries = {**entries, "__metadata__": {**entries.get("__metadata__", {}), **metadata}}
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight
    return len(text).to_bytes(LENGTH, "little") + text + numbers
