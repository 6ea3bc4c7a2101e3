"""Stored states on disk, so that a server's memory does not grow with the past of its runs.

All states of an engine lie in one file without a name, in the folder for temporary files (`TMPDIR` says which): nobody
else can open it, and it is gone with the process, however that ends. A state that cannot be written, as on a full disk,
stays in memory.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections import deque
from typing import IO, Protocol

BLOCK = 16 * 1024  # bytes; a state takes whole blocks, wherever some are free, so the file never grows by gaps

_log = logging.getLogger(__name__)


class StoredState:
    """A state on disk. Its blocks are free again when nothing refers to it any more."""

    def __init__(self, file: StateFile, size: int, blocks: list[int]) -> None:
        self._file, self._size, self._blocks = file, size, blocks
        self.held = size

    def __len__(self) -> int:
        """Its bytes."""
        return self._size

    def read(self) -> bytes:
        """The state.

        Raises:
            OSError: when the disk fails, or the file is closed.
        """
        return self._file.read(self._blocks, self._size)

    def __del__(self) -> None:
        self._file.returned.append(self._blocks)


class StateOnDisk(Protocol):
    """A state that is read when it is needed.

    Attributes:
        held: bytes that it takes of what all runs may take together; 0 where it is kept anyway, as in a store.
    """

    held: int

    def __len__(self) -> int:
        """Its bytes."""

    def read(self) -> bytes:
        """The state.

        Raises:
            OSError: when it is gone, or the disk fails.
        """


State = bytes | StateOnDisk


def read(state: State) -> bytes:
    """A state, wherever it lies.

    Raises:
        OSError: when the disk fails.
    """
    return state if isinstance(state, bytes) else state.read()


def held(state: State) -> int:
    """Bytes that a state takes of what all runs may take together."""
    return len(state) if isinstance(state, bytes) else state.held


class StateFile:
    """The file of one engine. Every method may be called from any thread.

    Attributes:
        returned: blocks that are free again. A state may go in the middle of anything, a change of `_free` included,
            so they are taken up later.
    """

    def __init__(self) -> None:
        self.returned: deque[list[int]] = deque()
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._free: list[int] = []
        self._blocks = 0  # of the file
        self._closed = self._has_failed = False

    def keep(self, content: bytes) -> State:
        """Store a state; it stays in memory where that cannot be."""
        blocks: list[int] = []
        with self._lock:
            try:
                file = self._opened()
                blocks = self._take(file, -(-len(content) // BLOCK))
                for number, block in enumerate(blocks):
                    part = content[number * BLOCK : (number + 1) * BLOCK]
                    if os.pwrite(file, part, block * BLOCK) != len(part):
                        raise OSError("the disk took a part only")
            except OSError as error:
                self.returned.append(blocks)
                if not (self._has_failed or self._closed):
                    _log.warning("states are kept in memory, since they cannot be written to disk: %s", error)
                self._has_failed = True
                return content
            self._has_failed = False
        return StoredState(self, len(content), blocks)

    def read(self, blocks: list[int], size: int) -> bytes:
        """What was stored in these blocks.

        Raises:
            OSError: when the disk fails, or the file is closed.
        """
        with self._lock:
            file = self._opened()
            content = b"".join(os.pread(file, BLOCK, block * BLOCK) for block in blocks)[:size]
        if len(content) != size:
            raise OSError("a stored state is not whole")
        return content

    def size(self) -> int:
        """Bytes of the file."""
        with self._lock:
            return self._blocks * BLOCK

    def close(self) -> None:
        """Give up all states."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def _opened(self) -> int:
        if self._closed:
            raise OSError("the file of states is closed")
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="rnn-explorer-states-", buffering=0)  # noqa: SIM115
        return self._file.fileno()

    def _take(self, file: int, count: int) -> list[int]:
        """So many free blocks; where all are free, the file begins anew."""
        while self.returned:
            self._free += self.returned.popleft()
        if self._blocks and len(self._free) == self._blocks:
            os.ftruncate(file, 0)
            self._free, self._blocks = [], 0
        taken = [self._free.pop() for _ in range(min(count, len(self._free)))]
        new = range(self._blocks, self._blocks + count - len(taken))
        self._blocks += len(new)
        return [*taken, *new]
