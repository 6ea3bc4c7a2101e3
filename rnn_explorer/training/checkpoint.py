"""A run's whole state as bytes, in the safetensors format."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import shown


@dataclass(frozen=True)
class Position:
    """How far a training has come.

    Attributes:
        step: optimizer steps done.
        epoch: whole epochs done.
        index: batches done of the present epoch.
        target: the step at which the budget is used up.
    """

    step: int
    epoch: int
    index: int
    target: int


@dataclass(frozen=True)
class StoppingState:
    """Early stopping's state, without the weights: see `EarlyStopping` and its `BestEpoch`."""

    loss: float
    epoch: int
    since: int
    stopped: bool


@dataclass(frozen=True)
class Checkpoint:
    """A run's whole state.

    Attributes:
        experiment: with the training settings as they are.
        position: how far it has come.
        tensors: float32 on the CPU: `model.NAME` for each parameter; `optimizer.INDEX.NAME` for what the optimizer
            keeps of each; `best.NAME` for the weights with the lowest validation loss, where early stopping has some.
        best: that epoch; None without.
    """

    experiment: Experiment
    position: Position
    tensors: Mapping[str, Tensor]
    best: StoppingState | None = None

    def to_bytes(self) -> bytes:
        """A safetensors file."""
        metadata = {"experiment": self.experiment.to_json(), "position": json.dumps(dataclasses.asdict(self.position))}
        if self.best is not None:
            metadata["best"] = json.dumps(dataclasses.asdict(self.best))
        return save(dict(self.tensors), metadata=metadata)

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """The inverse of `to_bytes`; whether it fits a model is for `check` to say.

        Raises:
            UserError: for bytes that are no checkpoint.
        """
        # The file begins with eight bytes of length and then JSON; the library reads metadata from paths only.
        try:
            tensors = load(data)
            length = int.from_bytes(data[:8], "little")
            metadata = json.loads(data[8 : 8 + length])["__metadata__"]
            numbers = json.loads(metadata["position"])
            position = Position(**{field.name: int(numbers[field.name]) for field in dataclasses.fields(Position)})
            best: StoppingState | None = None
            if "best" in metadata:
                entry = json.loads(metadata["best"])
                best = StoppingState(
                    float(entry["loss"]), int(entry["epoch"]), int(entry["since"]), bool(entry["stopped"])
                )
                if not math.isfinite(best.loss):
                    raise ValueError("the lowest validation loss is not finite")
            return cls(Experiment.from_json(metadata["experiment"]), position, tensors, best)
        except (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise UserError("this is no stored state of a run") from error

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, by the rest of their names."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}

    def check(
        self, experiment: Experiment, parameters: Mapping[str, Tensor], steps_per_epoch: Callable[[int], int]
    ) -> None:
        """Make sure that a trainer can go on from here.

        Args:
            experiment: the trainer's.
            parameters: of its model, by name.
            steps_per_epoch: optimizer steps by batch size.

        Raises:
            UserError: when this belongs to another experiment (but for what can change while training) or has numbers
                that are not finite.
        """
        shapes = {name: p.shape for name, p in parameters.items()}
        for prefix in ("model.", "best.") if self.best else ("model.",):
            if {name: t.shape for name, t in self.part(prefix).items()} != shapes:
                raise UserError("the stored state belongs to a model of another shape")
        if experiment.live_changes_to(self.experiment) is None:
            raise UserError("the stored state belongs to another experiment")
        self._check_tensors(shapes)
        steps = steps_per_epoch(self.experiment.training.batch_size)
        if min(dataclasses.astuple(self.position)) < 0 or self.position.index >= steps:
            raise UserError("the stored state is of a step that there is not")

    def _check_tensors(self, parameters: Mapping[str, torch.Size]) -> None:
        shapes = {f"{kind}.{name}": shape for kind in ("model", "best") for name, shape in parameters.items()}
        in_order = list(parameters.values())
        for name, tensor in self.tensors.items():
            kind, _, rest = name.partition(".")
            index, _, entry = rest.partition(".")
            if kind == "optimizer" and index.isdecimal() and int(index) < len(in_order):
                shapes[name] = torch.Size([]) if entry == "step" else in_order[int(index)]
            if name not in shapes or tensor.shape != shapes[name] or tensor.dtype is not torch.float32:
                raise UserError(f"the stored state has {shown(name)} of another shape or type, or too many")
            if not bool(tensor.isfinite().all()):
                raise UserError(f"the stored state has numbers in {shown(name)} that are not finite (NaN or infinite)")
