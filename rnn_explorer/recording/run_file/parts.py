"""The curves, states and data of a run file: written, and checked against the model that they should be of."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

import numpy as np

from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.run_file.about import is_step
from rnn_explorer.recording.safetensors_file import BadHeader, Header, assembled, packed, read_header, tensor
from rnn_explorer.recording.store import curves as stored
from rnn_explorer.recording.store.records import Kind
from rnn_explorer.settings import SettingError, shown
from rnn_explorer.tasks.user_data import packing
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import Table, Text
from rnn_explorer.trace import Array

MAX_ROWS = 100_000  # of a curve
# What a run is without a server: the clock of a store's runs is of the machine that trained them.
COLUMNS: dict[Kind, int] = {kind: stored.COLUMNS[kind] for kind in get_args(Kind) if kind != "clock"}
MAX_CURVES = sum(COLUMNS.values()) * 8 * MAX_ROWS + 10_000  # bytes
MAX_DATA = 64 * 2**20  # bytes of the user's own data
_ABOUT = 2 * 2**20  # bytes of what is said of these


def curves_written(curves: Mapping[Kind, Array], last: int) -> bytes:
    """`curves.safetensors`: the rows up to a step, without those that are not finite, as after a divergence.

    Args:
        curves: (rows, 1 + columns) each, the step first.
        last: the step of the newest state.
    """
    found: dict[str, Array] = {}
    for kind, columns in COLUMNS.items():
        rows = np.asarray(curves[kind], dtype=np.float64).reshape(-1, columns)
        rows = rows[np.isfinite(rows).all(axis=1) & (rows[:, 0] <= last)]
        found[kind] = rows[np.diff(rows[:, 0], append=np.inf) > 0]
    return packed(found, {})


def curves_read(content: bytes) -> dict[Kind, Array]:
    """The inverse.

    Raises:
        ValueError: the message says what is wrong, without a full stop.
    """
    try:
        header = read_header(io.BytesIO(content), len(content))
        if set(header.tensors) != set(COLUMNS):
            raise BadHeader(f"it should hold {' and '.join(COLUMNS)}")
        return {kind: _curve(kind, tensor(header, content, kind)) for kind in COLUMNS}
    except BadHeader as error:
        raise ValueError(f"curves.safetensors cannot be used: {error}") from None


def _curve(kind: Kind, rows: Array) -> Array:
    called = f"the curve {kind}"
    if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] != COLUMNS[kind]:
        raise ValueError(f"{called} should be a table of float64 (F64) with {COLUMNS[kind]} columns, the step first")
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{called} has {len(rows):,} rows, and {MAX_ROWS:,} are possible")
    if not np.isfinite(rows).all():
        raise ValueError(f"{called} has numbers that are not finite (NaN or infinite)")
    steps = rows[:, 0]
    if len(steps) and (steps[0] < 0 or (steps != np.floor(steps)).any()):
        raise ValueError(f"{called} has steps that are no whole numbers from 0")
    if (np.diff(steps) <= 0).any():
        raise ValueError(f"{called} has steps that do not ascend")
    return rows


@dataclass(frozen=True)
class Position:
    """How far a training had come in a state; see `training.checkpoint.Position`."""

    step: int
    epoch: int
    index: int
    target: int


@dataclass(frozen=True)
class Model:
    """What the states of a file must fit.

    Attributes:
        experiment: of the file, on the data that are there now.
        shapes: of the weights and biases by name, in the model's order.
        steps_per_epoch: optimizer steps by batch size.
    """

    experiment: Experiment
    shapes: Mapping[str, tuple[int, ...]]
    steps_per_epoch: Any

    def state(self, content: bytes) -> tuple[bytes, Position, int]:
        """Check a state.

        Returns:
            It, on the data that are there now, its position, and the optimizer steps of its epochs.

        Raises:
            ValueError: the message says what is wrong with "it", without a full stop.
        """
        header = read_header(io.BytesIO(content), len(content))
        experiment = self._experiment(header)
        position = _position(header)
        steps = self.steps_per_epoch(experiment.training.batch_size)
        if position.index >= steps:
            raise ValueError(f"its batch {position.index:,} is beyond the {steps:,} of an epoch")
        self._check_tensors(header, content, is_best_there=_is_best_there(header))
        if self.experiment.task_settings.private:
            content = assembled(header.entries, content[header.end :], experiment=experiment.to_json())
        return content, position, steps

    def _experiment(self, header: Header) -> Experiment:
        try:
            found = json.loads(header.metadata.get("experiment", ""))
            if not isinstance(found, dict):
                raise ValueError
            if self.experiment.task_settings.private:
                found = {**found, "data": self.experiment.task_settings.to_dict()["data"]}
            experiment = Experiment.from_dict(found)
        except SettingError as error:
            raise ValueError(f"its experiment cannot be used, {str(error).rstrip('.')}") from None
        except (ValueError, RecursionError):
            raise ValueError("it says nothing of an experiment") from None
        if self.experiment.live_changes_to(experiment) is None:
            raise ValueError("it belongs to another experiment than the file")
        return experiment

    def _check_tensors(self, header: Header, content: bytes, is_best_there: bool) -> None:
        in_order = list(self.shapes.values())
        allowed = {f"model.{name}": shape for name, shape in self.shapes.items()}
        if is_best_there:
            allowed |= {f"best.{name}": shape for name, shape in self.shapes.items()}
        if missing := set(allowed) - set(header.tensors):
            raise ValueError(f"it lacks {shown(min(missing))}")
        for name, entry in header.tensors.items():
            kind, _, rest = name.partition(".")
            index, _, what = rest.partition(".")
            if kind == "optimizer" and len(index) < 5 and index.isdecimal() and int(index) < len(in_order):
                allowed[name] = () if what == "step" else in_order[int(index)]
            if name not in allowed:
                raise ValueError(f"it has {shown(name)}, which no model of this experiment has")
            if tuple(entry["shape"]) != allowed[name]:
                wanted = " x ".join(map(str, allowed[name])) or "a single number"
                raise ValueError(f"{shown(name)} has the shape {shown(entry['shape'])}, and the model's is {wanted}")
            if entry["dtype"] != "F32":
                raise ValueError(f"{shown(name)} has the type {entry['dtype']}, and should be float32 (F32)")
            if not np.isfinite(tensor(header, content, name)).all():
                raise ValueError(f"{shown(name)} has numbers that are not finite (NaN or infinite)")


def _position(header: Header) -> Position:
    try:
        found = json.loads(header.metadata["position"])
        position = Position(**{part.name: found[part.name] for part in fields(Position)})
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("it does not say how far the training had come") from None
    if not all(is_step(getattr(position, part.name)) for part in fields(Position)):
        raise ValueError("it is of a step that there is not")
    return position


def _is_best_there(header: Header) -> bool:
    """Whether a state has the weights of the best epoch, for early stopping."""
    if "best" not in header.metadata:
        return False
    try:
        found = json.loads(header.metadata["best"])
        counts = is_step(found["epoch"]) and is_step(found["since"]) and isinstance(found["stopped"], bool)
        if counts and isinstance(found["loss"], (int, float)) and math.isfinite(found["loss"]):
            return True
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    raise ValueError("what it says of its best epoch cannot be used")


def data_written(record: Table | Text) -> bytes:
    """`data.safetensors`: the user's own data, as they were read."""
    about, arrays = packing.packed(record)
    text = json.dumps(about, ensure_ascii=False).encode("utf-8")
    return packed({**arrays, "about": np.frombuffer(text, dtype=np.uint8)}, {})


def data_read(content: bytes) -> Table | Text:
    """The inverse.

    Raises:
        ValueError: the message says what is wrong, without a full stop.
    """
    try:
        header = read_header(io.BytesIO(content), len(content))
        arrays = {name: tensor(header, content, name) for name in header.tensors}
        text = arrays.pop("about").tobytes()
        about = json.loads(text) if len(text) <= _ABOUT else None
    except (ValueError, KeyError, RecursionError):
        raise ValueError("data.safetensors cannot be read") from None
    try:
        return packing.checked(about, arrays)
    except DataError as error:
        raise ValueError(f"data.safetensors cannot be used: {str(error).rstrip('.')}") from None
