"""The words between an engine and a worker: versioned, bounded, and without pickle.

A message is one of the dataclasses below. On the wire it is the length of a JSON header, the header, and the bytes of
arrays and states behind it, so that a worker may be a process of this machine, one of a cluster, or the companion of
somebody's own training.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn_explorer.engine.base import CommandName, FileForm, ModelInfo, Status
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.weight_history import HistoryEntry
from rnn_explorer.sizes import LayerSummary
from rnn_explorer.tasks.base import Baseline
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array

VERSION = 1
MAX_MESSAGE = 512 * 1024 * 1024  # bytes; the largest states are those of the largest models, some 100 MB
_HEAD = struct.Struct("<4sII")  # mark, version, length of the header
_MARK = b"RNNX"


class ProtocolError(ValueError):
    """Bytes that are no message of this version."""


@dataclass(frozen=True)
class LoadRun:
    """To a worker: take this run; from step 0, or from a checkpoint with the curves up to it.

    Attributes:
        run_id, number, experiment: the run, and the number of this message.
        checkpoint: `Trainer.state()`; None: it begins at step 0.
        train, validation: the curves up to the checkpoint.
        status, message: as it is once it has been built from its checkpoint.
        test: loss and metric on the test split, where they are known.
        marks: as in `RunView`.
    """

    run_id: str
    number: int
    experiment: Experiment
    checkpoint: bytes | None = None
    train: Mapping[str, Array] = field(default_factory=dict)
    validation: Mapping[str, Array] = field(default_factory=dict)
    status: Status = "paused"
    message: str = ""
    test: tuple[float, float] | None = None
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Command:
    """To a worker: a command for one of its runs. `reason` is shown beside a pause that the user did not ask for."""

    run_id: str
    number: int
    command: CommandName
    reason: str = ""


@dataclass(frozen=True)
class Change:
    """To a worker: new training settings for one of its runs."""

    run_id: str
    number: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class OpenChannel:
    """To a worker: one of its runs has a viewer.

    Attributes:
        run_id: the run.
        channel: the channel's number, unique for the life of the engine.
        view: the key of the view.
        selection: what is chosen, as the viewer's address has it.
        who: the visitor who opened it; each has the same share of the frames.
    """

    run_id: str
    channel: int
    view: str
    selection: Mapping[str, str]
    who: str = ""


@dataclass(frozen=True)
class Choose:
    """To a worker: another selection for a channel, which keeps what it has sent."""

    run_id: str
    channel: int
    selection: Mapping[str, str]


@dataclass(frozen=True)
class CloseChannel:
    """To a worker: this channel has no viewer left."""

    run_id: str
    channel: int


@dataclass(frozen=True)
class WantFrame:
    """To a worker: send this channel's next frame as soon as there is something new; `whole`: all of it, now."""

    run_id: str
    channel: int
    whole: bool = False


@dataclass(frozen=True)
class SetPast:
    """To a worker: the steps of a run whose states are kept, and the curves of the branches beside it.

    Attributes:
        run_id: the run.
        steps: ascending.
        others: the training curves of the owner's other branches.
    """

    run_id: str
    steps: tuple[int, ...]
    others: tuple[Mapping[str, Array], ...] = ()


@dataclass(frozen=True)
class KeptState:
    """To a worker: the state that it asked for; None where it is not kept any more."""

    run_id: str
    step: int
    state: bytes | None


@dataclass(frozen=True)
class MakeFile:
    """To a worker: one figure of a view as a file, once all that it needs is computed; or all of them as a film."""

    run_id: str
    ticket: int
    view: str
    selection: Mapping[str, str]
    figure: str
    form: FileForm


@dataclass(frozen=True)
class DropFile:
    """To a worker: nobody waits for this file any more."""

    run_id: str
    ticket: int


@dataclass(frozen=True)
class WorkerReady:
    """To the engine: everything is imported, runs can come."""


@dataclass(frozen=True)
class Beat:
    """To the engine: a sign of life. The worker has been at one piece of work for `busy` seconds; 0 while it waits."""

    busy: float


@dataclass(frozen=True)
class FrameMade:
    """To the engine: what changed in a channel since its frame before.

    Attributes:
        run_id, channel: whose.
        number: of this frame, from 1.
        difference: for viewers who have the frame before; empty where there is none.
        whole: for all others, where one was asked for.
        error: a sentence where the state could not be drawn; nothing is sent then.
    """

    run_id: str
    channel: int
    number: int
    difference: bytes
    whole: bytes = b""
    error: str = ""


@dataclass(frozen=True)
class WantState:
    """To the engine: the kept state of this step is needed."""

    run_id: str
    step: int


@dataclass(frozen=True)
class FileMade:
    """To the engine: a file that was asked for, or a sentence that says why there is none."""

    run_id: str
    ticket: int
    content: bytes = b""
    media_type: str = ""
    step: int = 0
    error: str = ""


@dataclass(frozen=True)
class FileProgress:
    """To the engine: how far a file has come, 0 to 1."""

    run_id: str
    ticket: int
    share: float


@dataclass(frozen=True)
class Update:
    """To the engine: what happened to a run since the last update.

    Attributes:
        run_id: whose.
        number: of the last message that the worker had handled when it wrote this; an older status says nothing
            once another command is on its way.
        anew: everything known before is void: the run is at step 0 again.
        train: (rows, 5): step, loss, metric, gradient norm before and after clipping.
        validation: (rows, 3): step, loss, metric.
        checkpoint: `Trainer.state()` at `step`; None: no new one.
        entries: of the weight history, of steps up to this one.
        test: newly measured loss and metric; None: not measured.
        info: sent once for every model.
    """

    run_id: str
    number: int
    status: Status
    message: str
    step: int = 0
    epoch: float = 0.0
    target: int = 0
    steps_per_epoch: int = 0
    steps_per_second: float = 0.0
    anew: bool = False
    train: Array = field(default_factory=lambda: np.empty((0, 1 + len(TRAIN_COLUMNS))))
    validation: Array = field(default_factory=lambda: np.empty((0, 1 + len(VALIDATION_COLUMNS))))
    checkpoint: bytes | None = None
    entries: tuple[HistoryEntry, ...] = ()
    test: tuple[float, float] | None = None
    info: ModelInfo | None = None


Message = (
    LoadRun | Command | Change | OpenChannel | Choose | CloseChannel | WantFrame | SetPast | KeptState | MakeFile
    | DropFile | WorkerReady | Beat | FrameMade | WantState | FileMade | FileProgress | Update
)  # fmt: skip
_PARTS: tuple[type, ...] = (HistoryEntry, ModelInfo, LayerSummary, Baseline)
_KINDS: dict[str, type] = {kind.__name__: kind for kind in (*typing.get_args(Message), *_PARTS)}
_ARRAYS = "fiub"  # kinds of numbers that travel


def encode(message: Message) -> bytes:
    """A message as bytes.

    Raises:
        ProtocolError: for one that is larger than `MAX_MESSAGE`.
        TypeError: for a value that no message may hold.
    """
    blobs: list[bytes] = []
    header = json.dumps(_packed(message, blobs), separators=(",", ":")).encode("ascii")
    data = b"".join((_HEAD.pack(_MARK, VERSION, len(header)), header, *blobs))
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(data):,} bytes is larger than {MAX_MESSAGE:,}")
    return data


def decode(data: bytes) -> Message:
    """The inverse of `encode`.

    Raises:
        ProtocolError: for bytes that are no message of this version.
    """
    try:
        mark, version, length = _HEAD.unpack_from(data)
        if mark != _MARK:
            raise ProtocolError("these bytes are no message")
        if version != VERSION:
            raise ProtocolError(f"a message of version {version}, where version {VERSION} is spoken: update both sides")
        begin = _HEAD.size + length
        message = _unpacked(json.loads(data[_HEAD.size : begin]), memoryview(data)[begin:])
    except ProtocolError:
        raise
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProtocolError(f"a message that cannot be read: {error}") from error
    if not isinstance(message, Message):
        raise ProtocolError(f"{type(message).__name__} is no message")
    return message


def _packed(value: Any, blobs: list[bytes]) -> Any:
    """A value as JSON takes it; bytes and arrays go to `blobs`."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"~": "float", "value": repr(value)}
    if isinstance(value, (tuple, list)):
        return [_packed(part, blobs) for part in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a mapping in a message has texts as keys")
        return {"~": "map", "of": {key: _packed(part, blobs) for key, part in value.items()}}
    if isinstance(value, bytes):
        return {"~": "bytes", "at": _blob(value, blobs), "size": len(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in _ARRAYS:
        content = np.ascontiguousarray(value).tobytes()
        about = {"dtype": value.dtype.str, "shape": list(value.shape)}
        return {"~": "array", "at": _blob(content, blobs), "size": len(content), **about}
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return _packed(value.item(), blobs)
    if isinstance(value, Experiment):
        return {"~": "Experiment", "of": value.to_json()}
    if type(value) in _KINDS.values():
        parts = {part.name: _packed(getattr(value, part.name), blobs) for part in dataclasses.fields(value)}
        return {"~": type(value).__name__, "of": parts}
    raise TypeError(f"{type(value).__name__} cannot be a part of a message")


def _blob(content: bytes, blobs: list[bytes]) -> int:
    """Add bytes, aligned to 8; returns where they begin."""
    begin = sum(map(len, blobs))
    padding = -begin % 8 if content else 0  # nothing lies at the end that could be cut unseen
    blobs += [bytes(padding), content]
    return begin + padding


def _unpacked(value: Any, room: memoryview) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(part, room) for part in value)
    if not isinstance(value, dict):
        return value
    kind = value["~"]
    if kind == "map":
        return {key: _unpacked(part, room) for key, part in value["of"].items()}
    if kind == "float":
        return float(value["value"])
    if kind == "Experiment":
        return Experiment.from_json(value["of"])
    if kind in ("bytes", "array"):
        begin, size = value["at"], value["size"]
        content = room[begin : begin + size] if begin >= 0 <= size else room[:0]
        if len(content) != size:
            raise ProtocolError("a message that was cut")
        if kind == "bytes":
            return bytes(content)
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in _ARRAYS:
            raise ProtocolError(f"an array of {dtype}, which no message holds")
        return np.frombuffer(content, dtype=dtype).reshape(value["shape"])
    return _KINDS[kind](**{name: _unpacked(part, room) for name, part in value["of"].items()})
