"""The words between an engine and a worker."""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnn_explorer.engine import protocol
from rnn_explorer.engine.base import ModelInfo
from rnn_explorer.engine.protocol import (
    Beat,
    Change,
    Choose,
    CloseChannel,
    Command,
    DropFile,
    FileMade,
    FileProgress,
    FrameMade,
    KeptState,
    LoadRun,
    MakeFile,
    Message,
    OpenChannel,
    ProtocolError,
    SetPast,
    Update,
    WantFrame,
    WantState,
    WorkerReady,
    decode,
    encode,
)
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.weight_history import HistoryEntry
from rnn_explorer.sizes import LayerSummary
from rnn_explorer.tasks.base import Baseline

CURVE = {"step": np.arange(3), "loss": np.array([1.0, np.nan, np.inf])}
INFO = ModelInfo(Baseline(0.5, 0.25, "says the mean"), "MSE", (LayerSummary("input", "(batch, 3)", 0, 0),), 12, 11)
MESSAGES: list[Any] = [
    LoadRun("a", 1, Experiment.default("names").replace(dense=(8, 4)), b"state", CURVE, {}),
    Command("a", 2, "pause", "Paused: nobody was watching."),
    Change("a", 3, {"learning_rate": 1e-3, "batch_size": 4}),
    OpenChannel("a", 4, "lab", {"unit": "3"}, "anna"),
    Choose("a", 4, {"at": "7"}),
    CloseChannel("a", 4),
    WantFrame("a", 4, True),
    SetPast("a", (0, 1, 5), (CURVE,)),
    KeptState("a", 5, None),
    KeptState("a", 5, bytes(range(256))),
    MakeFile("a", 9, "lab", {}, "curves", "csv"),
    DropFile("a", 9),
    WorkerReady(),
    Beat(0.25),
    FrameMade("a", 4, 1, b"frame", b"", "Step 1 could not be drawn."),
    WantState("a", 5),
    FileMade("a", 9, b"x,y", "text/csv", 5),
    FileProgress("a", 9, 0.25),
    Update("a", 3, "training", "", 5, 0.1, 10, 50, 100.0, train=np.ones((2, 5)), checkpoint=b"c",
           entries=(HistoryEntry(5, 0.1, b"s"),), test=(0.5, float("nan")), info=INFO),
]  # fmt: skip


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if dataclasses.is_dataclass(one) and not isinstance(one, Experiment):
        return type(one) is type(other) and all(
            same(getattr(one, part.name), getattr(other, part.name)) for part in dataclasses.fields(one)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_arrives_as_it_was_sent(message: Message) -> None:
    assert same(message, decode(encode(message)))


def test_every_kind_of_message_is_tried_here() -> None:
    assert {type(message) for message in MESSAGES} == set(typing.get_args(Message))


def test_a_message_holds_no_code_and_no_object_of_others() -> None:
    with pytest.raises(TypeError, match="object cannot be a part"):
        encode(Change("a", 1, {"x": object()}))
    with pytest.raises(TypeError, match="texts as keys"):
        encode(Change("a", 1, {3: 1}))  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="ndarray"):
        encode(Update("a", 1, "ready", "", train=np.array([object()])))


def test_another_version_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(WorkerReady())
    monkeypatch.setattr(protocol, "VERSION", protocol.VERSION + 1)
    with pytest.raises(ProtocolError, match="update both sides"):
        decode(data)


def test_a_message_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_MESSAGE", 1000)
    with pytest.raises(ProtocolError, match="larger than 1,000"):
        encode(KeptState("a", 1, bytes(1000)))


@given(st.binary(max_size=200))
def test_garbage_is_no_message(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


@given(st.sampled_from(MESSAGES), st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_message_is_read_or_refused_and_nothing_else(message: Any, place: int, other: bytes) -> None:
    data = bytearray(encode(message))
    place %= len(data)
    data[place : place + len(other)] = other
    with contextlib.suppress(ProtocolError):
        decode(bytes(data))


@given(st.sampled_from(MESSAGES), st.integers(0, 10_000))
@example(FrameMade("a", 4, 1, b"frame", b"", "It could not be drawn."), -1)
def test_a_message_that_was_cut_is_refused(message: Any, length: int) -> None:
    data = encode(message)
    with pytest.raises(ProtocolError):
        decode(data[: length % len(data)])
