"""The zip archive of a run file: judged by its directory, before anything is unpacked."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from typing import BinaryIO

from rnn_explorer.errors import UserError
from rnn_explorer.settings import shown

ABOUT, CURVES, DATA = "run.json", "curves.safetensors", "data.safetensors"
MAX_BYTES = 2**30  # of a file, and of what it unpacks to
MAX_ENTRIES = 1_000
_NAMES = re.compile(r"run\.json|curves\.safetensors|data\.safetensors|states/(0|[1-9]\d{0,9})\.safetensors")
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_ENTRY = 46 + 250  # bytes of the directory that an entry takes at most: its fields, name and extra fields
_UNSEEN = 0x1 | 0x40 | 0x2000  # the flags of what is encrypted


class BadRunFile(UserError):
    """A file that is no run file, or cannot be used. The message is a sentence that says what is wrong."""


def state_name(step: int) -> str:
    """The entry that holds the state of a step."""
    return f"states/{step}.safetensors"


class Archive:
    """The entries of a run file, each read when it is asked for.

    Args:
        file: can be read at any place; stays open as long as this is used.
        called: what sentences call the file.

    Raises:
        BadRunFile: where it is no zip archive, or has what no run file has.
        OSError: when it cannot be read.
    """

    def __init__(self, file: BinaryIO, called: str) -> None:
        self.called = called
        _check_end(file, called)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError) as error:
            raise BadRunFile(f"{called} is damaged: the directory of its zip archive cannot be read.") from error
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            self._add(entry)
        total = sum(entry.file_size for entry in self._entries.values())
        if total > MAX_BYTES:
            raise self.wrong(f"it unpacks to {total / 1e9:,.1f} GB, and the limit is {MAX_BYTES / 1e9:.1f} GB")
        for name in (ABOUT, CURVES):
            if name not in self._entries:
                raise self.wrong(f"it holds no {name}")

    def wrong(self, why: str) -> BadRunFile:
        """The error that says why this file cannot be used."""
        return BadRunFile(f"{self.called} cannot be used as a run file: {why}.")

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def size(self, name: str) -> int:
        """Bytes of an entry, unpacked, as the directory says."""
        return self._entries[name].file_size

    def steps(self) -> list[int]:
        """The steps whose states it holds, ascending."""
        found = (_NAMES.fullmatch(name) for name in self._entries)
        return sorted(int(match[1]) for match in found if match and match[1])

    def read(self, name: str, most: int) -> bytes:
        """An entry, unpacked.

        Args:
            name: of an entry that there is.
            most: bytes that it may take.

        Raises:
            BadRunFile: where it takes more, or is damaged.
            OSError: when it cannot be read.
        """
        entry = self._entries[name]
        if entry.file_size > most:
            raise self.wrong(
                f"{name} unpacks to {entry.file_size / 1e6:,.1f} MB, and {most / 1e6:,.1f} MB are possible"
            )
        try:
            with self._zip.open(entry) as file:
                content = file.read(entry.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
            why = "its checksum (CRC-32) is wrong" if "CRC-32" in str(error) else "it cannot be unpacked"
            raise self.wrong(f"{name} is damaged, {why}") from error
        if len(content) != entry.file_size:
            raise self.wrong(f"{name} is cut off")
        return content

    def _add(self, entry: zipfile.ZipInfo) -> None:
        name = shown(entry.orig_filename)
        if entry.orig_filename != entry.filename or not _NAMES.fullmatch(entry.filename):
            raise self.wrong(f"it has the entry {name}, which no run file has")
        if entry.filename in self._entries:
            raise self.wrong(f"it has the entry {name} twice")
        if entry.flag_bits & _UNSEEN:
            raise self.wrong(f"{name} is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.wrong(f"{name} is compressed by another method than deflate")
        self._entries[entry.filename] = entry


def _check_end(file: BinaryIO, called: str) -> None:
    """See that the archive's directory fills the end of the file and is small enough to be read."""
    file.seek(0)
    begin, size = file.read(4), file.seek(0, 2)
    if not size:
        raise BadRunFile(f"{called} is empty (0 bytes).")
    if size > MAX_BYTES:
        raise BadRunFile(f"{called} has {size / 1e9:,.1f} GB, and a run file has at most {MAX_BYTES / 1e9:.1f} GB.")
    file.seek(max(size - _DIRECTORY_END.size, 0))
    tail = file.read(_DIRECTORY_END.size)
    if len(tail) < _DIRECTORY_END.size or not tail.startswith(b"PK\x05\x06"):
        if begin.startswith(b"PK"):
            raise BadRunFile(f"{called} is cut off, or something was added to its end: copy the file once more.")
        raise BadRunFile(f"{called} is no run file: such a file is a zip archive, and its name ends in .rnnx.")
    _, disk, first_disk, here, count, length, offset, comment = _DIRECTORY_END.unpack(tail)
    if count > MAX_ENTRIES or length > count * _ENTRY:
        raise BadRunFile(
            f"{called} cannot be used as a run file: its directory has {length:,} bytes for {count:,} entries, and "
            f"{MAX_ENTRIES:,} entries of {_ENTRY} bytes are possible."
        )
    if disk or first_disk or here != count or comment or offset + length + _DIRECTORY_END.size != size:
        raise BadRunFile(f"{called} is damaged: the directory of its zip archive does not fit the file.")
