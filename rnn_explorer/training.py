"""The trainer: a state machine that makes one optimizer step at a time and can be asked what it knows.

It knows no thread and no screen, and of clocks only the monotonic one that `advance` is given a share of. Every
random number follows from the experiment's seed and the number of the step, so a run that is stopped, stored and
resumed goes on exactly as if it had never stopped.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from rnn_explorer import device, kernels
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.kernels.adam import Adam
from rnn_explorer.kernels.dense import IGNORED
from rnn_explorer.kernels.fused_step import FusedSteps, Network
from rnn_explorer.model import SequenceModel
from rnn_explorer.settings import SettingError, shown
from rnn_explorer.sizes import LayerSummary, layer_summary, work_of
from rnn_explorer.slices import run_to_end
from rnn_explorer.tasks.base import Batch, OutputSpec, Task
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Explanation, Snapshot, Trace
from rnn_explorer.work import measured_at_once

# Early stopping that waited for fewer steps, or judged by fewer sequences, may well have stopped at a chance rise.
FEW_STEPS, FEW_SEQUENCES = 100, 50

LARGEST = 1e18  # a number whose square is near the end of single precision

Measurement = Generator[None, None, tuple[float, float]]


class Diverged(RuntimeError):
    """A loss, gradient or weight stopped being a finite number. The message says at which step and what to do."""


@dataclass(frozen=True)
class StepReport:
    """What one optimizer step brought.

    Attributes:
        step: optimizer steps done, this one included; 0 for the report before the first.
        epoch: passes over the training data, with a fraction.
        train_loss, train_metric: of this step's batch, before the step.
        grad_norm: length of the whole gradient before clipping.
        applied_norm: its length after clipping.
        val_loss, val_metric: of the whole validation set where it was measured (at the end of an epoch and of
            the budget), else None.
    """

    step: int
    epoch: float
    train_loss: float
    train_metric: float
    grad_norm: float
    applied_norm: float
    val_loss: float | None = None
    val_metric: float | None = None


@dataclass(frozen=True)
class _Best:
    """The end of an epoch with the lowest validation loss so far: that loss, epochs done by then, the weights."""

    loss: float
    epoch: int
    weights: list[Tensor]


@dataclass(frozen=True)
class _HalfStep:
    """A step that was made and is being measured."""

    report: StepReport
    measurement: Measurement


class Trainer:
    """Trains the model of one experiment.

    With a `patience` it stops early (L. Prechelt (1998), Early stopping - but when?, doi:10.1007/3-540-49430-8_3): once
    so many epochs in a row ended without a validation loss below the lowest one, the weights with that one are put
    back. Resuming after an early stop restarts the patience counter.

    Args:
        experiment: what to train.
        task: the built task, when there is one already; built from the experiment otherwise.

    Attributes:
        experiment: as given, with later changes of training settings.
        step_count: optimizer steps done.
        device: where the model is.
        target: the step at which the budget is used up; `extend` moves it.
        stopped_early: a sentence where the last step was followed by an early stop, else "".

    Raises:
        ModelTooLarge: before anything is built.
    """

    def __init__(self, experiment: Experiment, task: Task | None = None) -> None:
        self.task = experiment.make_task() if task is None else task
        work = work_of(experiment, self.task)
        work.check()
        self.device = device.choose(experiment.training.device, work.step)
        self._validation = self.task.evaluation("validation")
        probe = self.task.probe()
        self._probe = TensorBatch.of(probe)
        self._about = About.of(self.task, probe)
        self._opening: tuple[float, float] | None = None
        self._best: _Best | None = None
        self.stopped_early = ""
        self._start(experiment)

    def _start(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.model = SequenceModel(experiment.model, self.task.input, self.task.output, self._generator("weights", 0))
        self.model.to(self.device)  # weights are drawn on the CPU, so the same seed gives the same ones everywhere
        self._parameters: list[Tensor] = list(self.model.parameters())
        self._finite = [p.detach().clone() for p in self._parameters]
        self._directs = direct_of(self.model, self.task)
        self.optimizer = self._make_optimizer(experiment.training)
        self.step_count = 0
        self.epoch, self._index = 0, 0  # whole epochs done, batches done of the present one
        self.target = self.budget()
        self._half: _HalfStep | None = None
        self._forget_best()

    def _generator(self, purpose: str, number: int) -> torch.Generator:
        # Dropout and weights draw from streams of their own, so that neither shifts the other or the data.
        lane = {"weights": 1, "dropout": 2}[purpose]
        seed = (self.experiment.training.seed * 4 + lane) * 1_000_003 + number
        return torch.Generator().manual_seed(seed)

    def _make_optimizer(self, settings: TrainingSettings) -> torch.optim.Optimizer:
        common: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
        if settings.optimizer == "adam" and kernels.ENABLED and self.device.type == "cpu":
            return Adam(self._parameters, self._finite, **common)
        fused = self.device.type != "mps"
        if settings.optimizer == "adam":
            return torch.optim.Adam(self._parameters, fused=fused, **common)
        if settings.optimizer == "sgd":
            return torch.optim.SGD(self._parameters, momentum=settings.momentum, fused=fused, **common)
        return torch.optim.RMSprop(self._parameters, **common)

    # -- training -----------------------------------------------------------------------------------------------

    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the training data, at the present batch size."""
        return self.task.steps_per_epoch(self.experiment.training.batch_size)

    def budget(self) -> int:
        """Optimizer steps that one press of Play is good for."""
        training = self.experiment.training
        return training.steps or training.epochs * self.steps_per_epoch()

    def extend(self) -> None:
        """Add one more budget when the present one is used up."""
        if self.step_count >= self.target:
            self.target = self.step_count + self.budget()

    def epoch_position(self) -> float:
        """Passes over the training data, with a fraction."""
        return self.epoch + self._index / self.steps_per_epoch()

    def opening(self) -> StepReport:
        """What the present weights achieve without a step: the first point of the curve."""
        return run_to_end(self.opening_slices())

    def opening_slices(self) -> Generator[None, None, StepReport]:
        """Like `opening`, pausing where others may have a turn."""
        if self.step_count:
            loss, metric = yield from self.measure("validation")
        else:
            if self._opening is None:  # every reset comes back to the same weights
                self._opening = yield from self.measure("validation")
            loss, metric = self._opening
        none = math.nan
        return StepReport(self.step_count, self.epoch_position(), none, none, none, none, loss, metric)

    def step(self) -> StepReport:
        """Make one optimizer step; at the end of an epoch or of the budget, measure the validation set.

        Raises:
            Diverged: when loss, gradient or weights are no longer finite; the last finite weights are kept.
        """
        while (report := self.proceed()) is None:
            pass
        return report

    @property
    def between_steps(self) -> bool:
        """Whether the last step is whole; where it is not, `proceed` goes on measuring the validation set."""
        return self._half is None

    def proceed(self) -> StepReport | None:
        """Make one optimizer step, or go on with the measurement that belongs to it.

        What is measured, and the numbers that come of it, are those of `step`. Until a step is whole there is no
        state to be stored, and nothing to be changed.

        Returns:
            The report of a step that is whole now; None where measuring it is not done yet.

        Raises:
            Diverged: as `step`.
        """
        if self._half is None:
            report = self._optimize()
            # The budget may end within an epoch; how well it ended must be known all the same.
            if self._index and self.step_count != self.target:
                return report
            self._half = _HalfStep(report, self.measure("validation"))
        try:
            next(self._half.measurement)
            return None
        except StopIteration as end:
            val_loss, val_metric = end.value
        except BaseException:
            self._half = None
            raise
        report, self._half = self._half.report, None
        if not self._index and self.experiment.training.patience:
            self._judge(val_loss)
        return dataclasses.replace(report, val_loss=val_loss, val_metric=val_metric)

    def _optimize(self) -> StepReport:
        """One optimizer step, and nothing measured."""
        training = self.experiment.training
        if self.stopped_early:
            self.stopped_early, self._patient_since = "", self.epoch
        batch = self.task.train_batch(self.epoch, self._index, training.batch_size)
        train_loss, train_metric = self._learn(TensorBatch.of(batch, self.device))
        if not math.isfinite(train_loss):
            raise self._diverged("the loss")
        grad_norm, applied_norm = self._descend(training.clip_norm)
        self.step_count += 1
        self._index += 1
        if self._index >= self.steps_per_epoch():
            self.epoch, self._index = self.epoch + 1, 0
        return StepReport(self.step_count, self.epoch_position(), train_loss, train_metric, grad_norm, applied_norm)

    def advance(self, max_seconds: float, until: int | None = None) -> list[StepReport]:
        """Make steps for about `max_seconds` (at least one), up to step `until`, by default the budget's end.

        An early stop ends it, too.

        Raises:
            Diverged: with the reports made so far lost to the caller; `run` yields them one by one instead.
        """
        return list(self.run(max_seconds, until))

    def run(self, max_seconds: float, until: int | None = None) -> Iterator[StepReport]:
        """Like `advance`, yielding each report as it is made.

        Raises:
            Diverged: as `step`.
        """
        deadline = time.monotonic() + max_seconds
        goal = self.target if until is None else until
        while self.step_count < goal:
            yield self.step()
            if self.stopped_early or time.monotonic() >= deadline:
                return

    def rest(self) -> None:
        """No step will be made for a while: memory that only a step needs is given back."""
        for parameter in self._parameters:
            parameter.grad = None
        if self._directs is not None:
            self._directs.release()

    def _learn(self, batch: TensorBatch) -> tuple[float, float]:
        """Loss and metric of a batch; the parameters get their gradients, where the loss is finite."""
        if self._directs is not None and kernels.suits_network(self._directs.network):
            rows, targets = counted_rows(self.task.output, batch)
            if len(targets):
                if not self.task.output.per_step and batch.lengths is not None:
                    rows = torch.arange(len(batch)) * batch.inputs.shape[1] + batch.lengths - 1
                inputs = batch.inputs if self.model.embedding is not None else self.model.encode(batch.inputs)
                return self._directs.learn(inputs, rows, targets)
        dropout = self._generator("dropout", self.step_count) if self.experiment.model.dropout else None
        loss, metric = judged(self.model, self.task, batch, dropout)
        for parameter in self._parameters:
            parameter.grad = None
        if math.isfinite(value := float(loss.detach())):
            loss.backward()
            for parameter in self._parameters:
                if parameter.grad is None:  # a cell may have no use for one
                    parameter.grad = torch.zeros_like(parameter)
        return value, metric

    def _descend(self, limit: float) -> tuple[float, float]:
        """Change the weights by the gradient, shortened where it is longer than `limit`.

        The weights from before, which are known to give a finite loss and gradient, are kept.

        Returns:
            The length of the gradient before and after it was shortened.

        Raises:
            Diverged: when it is not finite; the weights are as they were then.
        """
        own = self.optimizer if isinstance(self.optimizer, Adam) else None
        gradients = [] if own else [p.grad for p in self._parameters if p.grad is not None]
        length = own.norm() if own else float(torch.nn.utils.get_total_norm(gradients))
        if not math.isfinite(length):
            raise self._diverged("the gradient")
        factor = limit / (length + 1e-6) if limit and length > limit else 1.0
        if own:
            own.advance(factor)
            return length, length * factor
        if factor != 1.0:
            torch._foreach_mul_(gradients, factor)
        with torch.no_grad():
            torch._foreach_copy_(self._finite, self._parameters)
        self.optimizer.step()
        return length, length * factor

    def _forget_gradients(self) -> None:
        """The optimizer's memory of earlier gradients goes."""
        if isinstance(self.optimizer, Adam):
            self.optimizer.forget()
        else:
            self.optimizer.state.clear()

    def _judge(self, val_loss: float) -> None:
        """Note the validation loss at the end of an epoch; stop early where patience has run out."""
        if self._best is None or val_loss < self._best.loss:
            if math.isfinite(val_loss):  # there may be no validation set
                self._best = _Best(val_loss, self.epoch, [p.detach().clone() for p in self._parameters])
            return
        if self.epoch - max(self._best.epoch, self._patient_since) < self.experiment.training.patience:
            return
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, self._best.weights)
            torch._foreach_copy_(self._finite, self._best.weights)
        self._forget_gradients()  # they belong to the weights that are given up
        self.stopped_early = self._stopped(self._best.epoch)

    def _stopped(self, epoch: int) -> str:
        """The sentence about an early stop, and what it is worth where it came after few steps or few sequences."""
        told = f"the validation loss has not improved since epoch {epoch}; the weights of then are kept."
        waited, judges = self.experiment.training.patience * self.steps_per_epoch(), len(self._validation)
        few = [f"its {waited} optimizer steps are few"] if waited < FEW_STEPS else []
        few += [f"the validation set has {judges} sequences only"] if judges < FEW_SEQUENCES else []
        if few:
            told += f" That may be too early: {' and '.join(few)}. Set a larger patience, or 0 for none, to see."
        return f"Stopped early: {told}"

    def _forget_best(self) -> None:
        self._best = None
        self._patient_since = 0  # the epoch from which patience counts, where that is later than the best one
        self.stopped_early = ""

    def _diverged(self, what: str) -> Diverged:
        # Weights may be finite and yet so large that no loss is: what is kept are the last that gave one. The
        # optimizer's memory of the gradients that led astray goes, so that a smaller learning rate can go on.
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, self._finite)
        self._forget_gradients()
        training, model = self.experiment.training, self.experiment.model
        causes = [f"a learning rate of {training.learning_rate:g}"]
        cures = [f"a tenth of the learning rate ({training.learning_rate / 10:g})"]
        if not training.clip_norm:
            causes.append("no clipping of the gradient")
            cures.insert(0, "clip_norm=1")
        if model.cell == "rnn" and model.nonlinearity == "relu":
            causes.append("relu, whose states can grow with every time step where recurrent weights are large")
            cures.append("tanh instead of relu")
        return Diverged(
            f"Diverged at step {self.step_count}: {what} is no longer a finite number. Likely cause: "
            f"{', or '.join(causes)}. Try {', or '.join(cures)}; then Play goes on from the weights "
            "of the last finite loss, which are kept; Reset starts anew."
        )

    # -- judging ------------------------------------------------------------------------------------------------

    def evaluate(self, split: str) -> tuple[float, float]:
        """Loss and metric on a whole split; NaN where the split is empty."""
        return run_to_end(self.measure(split))

    def verdict(self, **losses: float) -> str:
        """What is wrong with losses measured at the end: "" where all are finite, else a sentence; no result then.

        Args:
            losses: by split. That of an empty split is NaN, and nothing is wrong with that.
        """
        told = []
        for split, loss in losses.items():
            if math.isfinite(loss):
                continue
            batch = self.task.evaluation(split)  # type: ignore[arg-type]
            if len(batch):
                told.append(f"the {split} loss is no finite number{_of_values(batch)}")
        return f"No result: {'; '.join(told)}." if told else ""

    def measure(self, split: str) -> Measurement:
        """Like `evaluate`, pausing where others may have a turn; the weights must stay as they are until the end.

        How many sequences are read at once follows from the model alone, so the numbers do not depend on the pauses.
        """
        batch = self._validation if split == "validation" else self.task.evaluation(split)  # type: ignore[arg-type]
        at_once = measured_at_once(self.model.parameter_count(), self.task.longest)
        loss_sum = metric_sum = weight_sum = 0.0
        for start in range(0, len(batch), at_once):
            if start:
                yield
            part = TensorBatch.of(batch.select(slice(start, start + at_once)), self.device)
            weight = float(part.step_mask().sum()) if self.task.output.per_step else float(len(part))
            with torch.no_grad():
                loss, metric = judged(self.model, self.task, part)
            loss_sum += weight * float(loss)
            metric_sum += weight * metric
            weight_sum += weight
        return (loss_sum / weight_sum, metric_sum / weight_sum) if weight_sum else (math.nan, math.nan)

    def snapshot(self) -> Snapshot:
        """The probe batch through the present weights: every gate, state and answer, with words for a person."""
        model = self.model if self.device.type == "cpu" else copy.deepcopy(self.model).to("cpu")
        return snapshot_of(model, self.task, self._probe, self._about, self.step_count, self.epoch_position())

    def summary(self) -> tuple[LayerSummary, ...]:
        """The layer summary of the model."""
        return layer_summary(self.experiment.model, self.task.input, self.task.output, self.task.longest)

    # -- changing -----------------------------------------------------------------------------------------------

    def change(self, **settings: Any) -> None:
        """Change training settings mid-run: learning rate, momentum, batch size, clipping, weight decay, budget.

        Raises:
            SettingError: for a setting that needs a new model, or a value out of range.
            ModelTooLarge: when the model cannot be trained live so; nothing has been changed then.
        """
        self._see_between_steps()
        for name in settings:
            known = [spec for spec in TrainingSettings.specs() if spec.name == name and spec.live]
            if not known:
                raise SettingError(name, settings[name], "left as it is while this model lives; it needs a new one")
        before, old = self.experiment.training, self.steps_per_epoch()
        changed = self.experiment.replace(**settings)
        if changed.training.batch_size > before.batch_size:
            work_of(changed, self.task).check()
        self.experiment = changed
        training, new = self.experiment.training, self.steps_per_epoch()
        for group in self.optimizer.param_groups:
            group["lr"], group["weight_decay"] = training.learning_rate, training.weight_decay
            if "momentum" in group and training.optimizer == "sgd":
                group["momentum"] = training.momentum
        if not training.patience:
            self._forget_best()
        self._index = self._index * new // old  # the same place in the epoch, in batches of the new size
        left = self.target - self.step_count
        if (training.steps, training.epochs) != (before.steps, before.epochs):
            done = self.step_count if training.steps else self.epoch * new + self._index
            left = self.budget() - done
        elif not training.steps:  # as many epochs as were left
            left = -(-left * new // old)
        self.target = self.step_count + max(left, 0)

    def reset(self) -> None:
        """Back to step 0 with the same initial weights, under the settings of now."""
        self._start(self.experiment)

    # -- storing ------------------------------------------------------------------------------------------------

    def state(self) -> bytes:
        """Everything needed to go on from here: weights, optimizer, position; in the safetensors format."""
        self._see_between_steps()
        tensors = {f"model.{name}": p.detach().cpu().contiguous() for name, p in self.model.named_parameters()}
        if isinstance(self.optimizer, Adam):
            self.optimizer.settle()
        for index, parameter in enumerate(self._parameters):
            for name, value in self.optimizer.state[parameter].items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{name}"] = value.detach().cpu().contiguous()
        position = {"step": self.step_count, "epoch": self.epoch, "index": self._index, "target": self.target}
        about = {"experiment": self.experiment.to_json(), "position": json.dumps(position)}
        if self._best is not None:
            names = dict(self.model.named_parameters())
            tensors |= {f"best.{name}": w.cpu() for name, w in zip(names, self._best.weights, strict=True)}
            stopping = {"loss": self._best.loss, "epoch": self._best.epoch, "since": self._patient_since}
            about["best"] = json.dumps({**stopping, "stopped": bool(self.stopped_early)})
        return save_tensors(tensors, metadata=about)

    def _check_stored(self, tensors: dict[str, Tensor], position: dict[str, int], experiment: Experiment) -> None:
        """Every number of a stored state is one that this model can go on from.

        Raises:
            UserError: says what is not.
        """
        shapes = {f"{kind}.{name}": p.shape for kind in ("model", "best") for name, p in self.model.named_parameters()}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            index, _, entry = rest.partition(".")
            if kind == "optimizer" and index.isdecimal() and int(index) < len(self._parameters):
                shapes[name] = torch.Size([]) if entry == "step" else self._parameters[int(index)].shape
            if name not in shapes or tensor.shape != shapes[name] or tensor.dtype is not torch.float32:
                raise UserError(f"the stored state has {shown(name)} of another shape or type, or too many")
            if not bool(tensor.isfinite().all()):
                raise UserError(f"the stored state has numbers in {shown(name)} that are not finite (NaN or infinite)")
        steps = self.task.steps_per_epoch(experiment.training.batch_size)
        if min(position.values()) < 0 or position["index"] >= steps:
            raise UserError("the stored state is of a step that there is not")

    def _see_between_steps(self) -> None:
        if not self.between_steps:
            raise RuntimeError("the last step is still being measured")

    def restore(self, state: bytes) -> None:
        """Go on from a stored state of a model with the same shape.

        Raises:
            UserError: when the state belongs to another experiment (but for what can change while training), has
                numbers that are not finite, or is no stored state; nothing has been changed then.
        """
        tensors, experiment, position, stopping = _read_state(state)
        mine = dict(self.model.named_parameters())
        stored, best = (
            {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            for prefix in ("model.", "best.")
        )
        shapes = {name: p.shape for name, p in mine.items()}
        if any({name: t.shape for name, t in kept.items()} != shapes for kept in [stored] + [best] * bool(stopping)):
            raise UserError("the stored state belongs to a model of another shape")
        if self.experiment.live_changes_to(experiment) is None:
            raise UserError("the stored state belongs to another experiment")
        self._check_stored(tensors, position, experiment)
        self.experiment = experiment
        self.optimizer = self._make_optimizer(self.experiment.training)
        with torch.no_grad():
            for name, parameter in mine.items():
                parameter.copy_(stored[name])
            torch._foreach_copy_(self._finite, self._parameters)
        for index, weight in enumerate(self._parameters):
            prefix = f"optimizer.{index}."
            kept = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            if kept:
                self.optimizer.state[weight] = {name: t.to(self.device, copy=True) for name, t in kept.items()}
        self.step_count, self.epoch = position["step"], position["epoch"]
        self._index, self.target = position["index"], position["target"]
        self._half = None
        self._forget_best()
        if stopping is not None:
            weights = [best[name].to(self.device, copy=True) for name in mine]
            self._best = _Best(stopping["loss"], stopping["epoch"], weights)
            self._patient_since = stopping["since"]
            self.stopped_early = self._stopped(self._best.epoch) if stopping["stopped"] else ""


def _of_values(batch: Batch) -> str:
    """The largest number in a batch, where its square is beyond single precision; else that answers are the cause."""
    numbers = [part for part in (batch.inputs, batch.targets) if part.dtype == np.float32 and part.size]
    largest = max((float(np.abs(part).max()) for part in numbers), default=0.0)
    if largest < LARGEST:
        return ", since the model's answers are none: try a smaller learning rate"
    return f", since this part of the data has values of {largest:.3g} in units of the training part: mend or drop them"


@dataclass(frozen=True)
class About:
    """What stays the same in all pictures of some sequences.

    Attributes:
        labels, label_names: `Task.labels` of them.
        titles: each in a few words.
    """

    labels: Array
    label_names: tuple[str, ...]
    titles: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, batch: Batch) -> About:
        """About a batch of a task."""
        labels, names = task.labels(batch)
        time, size = batch.inputs.shape[1], task.output.size
        nothing = np.zeros((time, size), dtype=np.float32)
        lengths = np.full(len(batch), time) if batch.lengths is None else batch.lengths
        told = (
            task.explain(batch.inputs[n], batch.targets[n], int(lengths[n]), nothing).title for n in range(len(batch))
        )
        return cls(labels, tuple(names), tuple(told))


class Explanations(Sequence[Explanation]):
    """What a task says of sequences and a model's answers, said when it is read: a picture shows one of them."""

    def __init__(self, task: Task, trace: Trace) -> None:
        self._task, self._trace = task, trace

    @overload
    def __getitem__(self, index: int) -> Explanation: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Explanation, ...]: ...

    def __getitem__(self, index: int | slice) -> Explanation | tuple[Explanation, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(len(self))[index])
        trace, n = self._trace, range(len(self))[index]
        return self._task.explain(trace.inputs[n], trace.targets[n], int(trace.lengths[n]), trace.answers[n])

    def __len__(self) -> int:
        return len(self._trace.lengths)


def snapshot_of(
    model: SequenceModel, task: Task, probe: TensorBatch, about: About, step: int, epoch: float
) -> Snapshot:
    """Sequences through a model: every gate, state and answer, with words for a person.

    Args:
        model: in evaluation mode.
        task: what it learns.
        probe: the sequences.
        about: them.
        step, epoch: how far the model has come.
    """
    trace = model.trace(probe)
    return Snapshot(step, epoch, trace, Explanations(task, trace), about.titles, about.labels, about.label_names)


def judged(
    model: SequenceModel, task: Task, batch: TensorBatch, dropout: torch.Generator | None = None
) -> tuple[Tensor, float]:
    """Loss and metric of a model on a batch; the loss with its gradient, where one is asked for.

    Args:
        model, task: that belong together.
        batch: sequences with their targets.
        dropout: where dropout's masks come from; None leaves it out.
    """
    features = model.features(batch.inputs, batch.lengths, dropout)
    if kernels.ENABLED and features.device.type == "cpu" and _usual_metric(task):
        rows, targets = counted_rows(model.output_spec, batch)
        if len(targets):
            linears = [(linear.weight, linear.bias) for linear in model.linears()]
            loss, metric = kernels.judge(features, rows, targets, model.settings.dense_activation, linears)
            return loss, float(metric)
    outputs = model.read_out(features)
    return loss_of(model.output_spec, outputs, batch), metric_of(task, outputs.detach(), batch)


def _usual_metric(task: Task) -> bool:
    """Whether the metric is the one that is found along with the loss: accuracy of classes, MSE of values."""
    return task.output.classes == (task.metric.name == "accuracy")


def counted_rows(output: OutputSpec, batch: TensorBatch) -> tuple[Tensor | None, Tensor]:
    """Which answers count, and their targets.

    Returns:
        Of a question asked per step, rows among batch * time, None where all count; and the targets of these.
    """
    if not output.per_step:
        return None, batch.targets
    if batch.lengths is None and batch.mask is None:
        return None, batch.targets.flatten(0, 1)
    mask = batch.step_mask()
    return mask.flatten().nonzero()[:, 0], batch.targets[mask]


def direct_of(model: SequenceModel, task: Task) -> FusedSteps | None:
    """The compiled step of learning for a model, where there is one."""
    settings, layers = model.settings, model.stack()
    plain = not settings.bidirectional and not settings.dropout and all(layer.forwards.kernel for layer in layers)
    on_cpu = model.head.weight.device.type == "cpu"
    if not (kernels.ENABLED and on_cpu and plain and _usual_metric(task)):
        return None
    network = Network(
        [(layer.forwards.kernel, layer.forwards.weights()) for layer in layers],
        [(linear.weight, linear.bias) for linear in model.linears()],
        settings.dense_activation,
        None if model.embedding is None else model.embedding.weight,
    )
    return FusedSteps(network, task.output.per_step)


def loss_of(output: OutputSpec, outputs: Tensor, batch: TensorBatch) -> Tensor:
    """Mean cross-entropy in nats, or mean squared error, over the answers that count.

    Args:
        output: what is asked.
        outputs: the model's, (batch, output_size) or (batch, time, output_size).
        batch: with the targets, and the mask of a question asked per step.
    """
    outputs, targets = _counted(output, outputs, batch)
    return cross_entropy(outputs, targets) if output.classes else mse_loss(outputs, targets)


def metric_of(task: Task, outputs: Tensor, batch: TensorBatch) -> float:
    """The task's metric over the answers that count: share of right classes, or mean squared error."""
    outputs, targets = _counted(task.output, outputs, batch)
    if task.metric.name == "accuracy":
        counted = targets != IGNORED
        return float((outputs.argmax(dim=-1) == targets)[counted].float().mean())
    return float(mse_loss(outputs, targets))


def _counted(output: OutputSpec, outputs: Tensor, batch: TensorBatch) -> tuple[Tensor, Tensor]:
    rows, targets = counted_rows(output, batch)
    outputs = outputs.flatten(0, 1) if output.per_step else outputs
    return (outputs if rows is None else outputs[rows]), targets


def _read_state(state: bytes) -> tuple[dict[str, Tensor], Experiment, dict[str, int], dict[str, Any] | None]:
    # A safetensors file begins with eight bytes of length and then JSON; the library reads metadata from paths only.
    try:
        tensors = load_tensors(state)
        length = int.from_bytes(state[:8], "little")
        about = json.loads(state[8 : 8 + length])["__metadata__"]
        position = {name: int(json.loads(about["position"])[name]) for name in ("step", "epoch", "index", "target")}
        stopping: dict[str, Any] | None = None
        if "best" in about:
            best = json.loads(about["best"])
            stopping = {"loss": float(best["loss"]), "epoch": int(best["epoch"]), "since": int(best["since"])}
            stopping["stopped"] = bool(best["stopped"])
            if not math.isfinite(stopping["loss"]):
                raise ValueError("the lowest validation loss is not finite")
        return tensors, Experiment.from_json(about["experiment"]), position, stopping
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError("this is no stored state of a run") from error
