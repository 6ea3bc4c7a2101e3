"""The trainer: a state machine that makes one optimizer step at a time.

It has no thread and no screen, and reads no clock but the monotonic one for the time limit of `advance`. Every random
number follows from the experiment's seed and the number of the step, so a run that is stopped, stored and resumed goes
on exactly as if it had never stopped.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnn_explorer import device, kernels
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.kernels.adam import Adam
from rnn_explorer.kernels.denormals import flushed
from rnn_explorer.model import SequenceModel
from rnn_explorer.settings import SettingError
from rnn_explorer.sizes import LayerSummary, layer_summary, work_of
from rnn_explorer.slices import run_to_end
from rnn_explorer.tasks.base import Task
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Snapshot
from rnn_explorer.training.checkpoint import Checkpoint, Position, StoppingState
from rnn_explorer.training.divergence import Diverged, diverged, no_result
from rnn_explorer.training.early_stopping import BestEpoch, EarlyStopping, stop_sentence
from rnn_explorer.training.losses import counted_rows, fused_step_of, loss_and_metric
from rnn_explorer.training.snapshots import SequenceInfo, snapshot_of
from rnn_explorer.work import measured_at_once

Measurement = Generator[None, None, tuple[float, float]]


@dataclass(frozen=True)
class StepReport:
    """The numbers of one optimizer step.

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
class _PendingStep:
    """A step after which the validation set is being measured."""

    report: StepReport
    measurement: Measurement


class Trainer:
    """Trains the model of one experiment.

    With a `patience` it stops early (L. Prechelt (1998), Early stopping - but when?, doi:10.1007/3-540-49430-8_3): once
    so many epochs in a row ended without a validation loss below the lowest one, the weights with that one are put
    back. Resuming after an early stop restarts the patience counter.

    Args:
        experiment: what to train.
        task: the experiment's, if it is already built.

    Attributes:
        experiment: with later changes of training settings.
        step_count: optimizer steps done.
        epoch: whole epochs done.
        device: of the model.
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
        self._probe_info = SequenceInfo.of(self.task, probe)
        self._opening: tuple[float, float] | None = None
        self._start(experiment)

    def _start(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.model = SequenceModel(experiment.model, self.task.input, self.task.output, self._generator("weights", 0))
        self.model.to(self.device)  # weights are drawn on the CPU, so the same seed gives the same ones everywhere
        self._parameters: list[Tensor] = list(self.model.parameters())
        self._finite = [p.detach().clone() for p in self._parameters]
        self._fused = fused_step_of(self.model, self.task)
        self.optimizer = self._make_optimizer(experiment.training)
        self.step_count = 0
        self.epoch, self._index = 0, 0  # whole epochs done, batches done of the present one
        self.target = self.budget()
        self._pending: _PendingStep | None = None
        self._forget_best()

    def _forget_best(self) -> None:
        self._stopping = EarlyStopping()
        self.stopped_early = ""

    def _generator(self, purpose: str, number: int) -> torch.Generator:
        # Dropout and weights draw from streams of their own, so that neither shifts the other or the data.
        stream = {"weights": 1, "dropout": 2}[purpose]
        seed = (self.experiment.training.seed * 4 + stream) * 1_000_003 + number
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
        """Optimizer steps of one budget, which one press of Play trains for."""
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
        """The validation loss and metric of the present weights: the first point of the curve."""
        return run_to_end(self.opening_slices())

    def opening_slices(self) -> Generator[None, None, StepReport]:
        """Like `opening`, in slices: it pauses where other runs may have a turn."""
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
        """Whether the last step is complete; if not, `proceed` goes on measuring the validation set."""
        return self._pending is None

    def proceed(self) -> StepReport | None:
        """Like `step`, in slices: make one optimizer step, or go on measuring the validation set after it.

        The numbers are those of `step`. Before the measurement is complete, `state` and `change` are refused.

        Returns:
            The report of the step when it is complete; None while the validation set is being measured.

        Raises:
            Diverged: as `step`.
        """
        if self._pending is None:
            report = self._optimize()
            # The budget may end within an epoch; how well it ended must be known all the same.
            if self._index and self.step_count != self.target:
                return report
            self._pending = _PendingStep(report, self.measure("validation"))
        try:
            next(self._pending.measurement)
            return None
        except StopIteration as end:
            val_loss, val_metric = end.value
        except BaseException:
            self._pending = None
            raise
        report, self._pending = self._pending.report, None
        if not self._index and self.experiment.training.patience:
            self._stop_if_due(val_loss)
        return dataclasses.replace(report, val_loss=val_loss, val_metric=val_metric)

    def _optimize(self) -> StepReport:
        """One optimizer step without a measurement."""
        training = self.experiment.training
        if self.stopped_early:
            self.stopped_early, self._stopping.since = "", self.epoch
        batch = self.task.train_batch(self.epoch, self._index, training.batch_size)
        with flushed():
            train_loss, train_metric = self._learn(TensorBatch.of(batch, self.device))
            if not math.isfinite(train_loss):
                raise self._diverge("the loss")
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
        """Free the memory that only steps need, before a pause."""
        for parameter in self._parameters:
            parameter.grad = None
        if self._fused is not None:
            self._fused.release()

    def _learn(self, batch: TensorBatch) -> tuple[float, float]:
        """Loss and metric of a batch; sets the parameters' gradients if the loss is finite."""
        if self._fused is not None and kernels.suits_network(self._fused.network):
            rows, targets = counted_rows(self.task.output, batch)
            if len(targets):
                if not self.task.output.per_step and batch.lengths is not None:
                    rows = torch.arange(len(batch)) * batch.inputs.shape[1] + batch.lengths - 1
                inputs = batch.inputs if self.model.embedding is not None else self.model.encode(batch.inputs)
                return self._fused.learn(inputs, rows, targets)
        dropout = self._generator("dropout", self.step_count) if self.experiment.model.dropout else None
        loss, metric = loss_and_metric(self.model, self.task, batch, dropout)
        for parameter in self._parameters:
            parameter.grad = None
        if math.isfinite(value := float(loss.detach())):
            loss.backward()
            for parameter in self._parameters:
                if parameter.grad is None:  # a cell may have no use for one
                    parameter.grad = torch.zeros_like(parameter)
        return value, metric

    def _descend(self, limit: float) -> tuple[float, float]:
        """Clip the gradient to a norm of `limit` (0: no clipping) and make the optimizer's step.

        The weights from before, which gave a finite loss and gradient, are kept.

        Returns:
            The norm of the gradient before and after clipping.

        Raises:
            Diverged: when it is not finite; the weights are then the last finite ones.
        """
        own = self.optimizer if isinstance(self.optimizer, Adam) else None
        gradients = [] if own else [p.grad for p in self._parameters if p.grad is not None]
        length = own.norm() if own else float(torch.nn.utils.get_total_norm(gradients))
        if not math.isfinite(length):
            raise self._diverge("the gradient")
        factor = limit / (length + 1e-6) if limit and length > limit else 1.0
        if own:
            own.update(factor)
            return length, length * factor
        if factor != 1.0:
            torch._foreach_mul_(gradients, factor)
        with torch.no_grad():
            torch._foreach_copy_(self._finite, self._parameters)
        self.optimizer.step()
        return length, length * factor

    def _forget_gradients(self) -> None:
        """Clear the optimizer's moments."""
        if isinstance(self.optimizer, Adam):
            self.optimizer.reset()
        else:
            self.optimizer.state.clear()

    def _stop_if_due(self, val_loss: float) -> None:
        """Note the validation loss at the end of an epoch; stop early if patience has run out."""
        stopping, patience = self._stopping, self.experiment.training.patience
        if stopping.is_due(self.epoch, val_loss, patience, self._parameters) and stopping.best is not None:
            with torch.no_grad():
                torch._foreach_copy_(self._parameters, stopping.best.weights)
                torch._foreach_copy_(self._finite, stopping.best.weights)
            self._forget_gradients()  # they belong to the weights that are given up
            self.stopped_early = self._stop_sentence(stopping.best.epoch)

    def _stop_sentence(self, best_epoch: int) -> str:
        waited = self.experiment.training.patience * self.steps_per_epoch()
        return stop_sentence(best_epoch, waited, len(self._validation))

    def _diverge(self, what: str) -> Diverged:
        """Put back the weights of the last finite loss; returns the error to raise."""
        # Weights may be finite and yet so large that no loss is. The moments of the gradients that led astray are
        # cleared, so that a smaller learning rate can go on.
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, self._finite)
        self._forget_gradients()
        return diverged(what, self.step_count, self.experiment)

    # -- measuring ----------------------------------------------------------------------------------------------

    def evaluate(self, split: str) -> tuple[float, float]:
        """Loss and metric on a whole split; NaN where the split is empty."""
        return run_to_end(self.measure(split))

    def verdict(self, **losses: float) -> str:
        """The sentence about final losses that are not finite, which are no result; "" where there is nothing to say.

        Args:
            losses: by split. That of an empty split is NaN and no fault.
        """
        return no_result(self.task, losses)

    def measure(self, split: str) -> Measurement:
        """Like `evaluate`, in slices; the weights must not change until the end.

        The number of sequences per slice follows from the model alone, so the result does not depend on the pauses.
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
                loss, metric = loss_and_metric(self.model, self.task, part)
            loss_sum += weight * float(loss)
            metric_sum += weight * metric
            weight_sum += weight
        return (loss_sum / weight_sum, metric_sum / weight_sum) if weight_sum else (math.nan, math.nan)

    def snapshot(self) -> Snapshot:
        """Every gate, state and output of the present weights for the probe batch, with explanations."""
        model = self.model if self.device.type == "cpu" else copy.deepcopy(self.model).to("cpu")
        return snapshot_of(model, self.task, self._probe, self._probe_info, self.step_count, self.epoch_position())

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
        self._check_between_steps()
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
        """The run's whole state, to go on from: weights, optimizer, position; see `Checkpoint`."""
        self._check_between_steps()
        names = [name for name, _ in self.model.named_parameters()]
        weights = zip(names, self._parameters, strict=True)
        tensors = {f"model.{name}": p.detach().cpu().contiguous() for name, p in weights}
        if isinstance(self.optimizer, Adam):
            self.optimizer.sync_state()
        for index, parameter in enumerate(self._parameters):
            for name, value in self.optimizer.state[parameter].items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{name}"] = value.detach().cpu().contiguous()
        position, best = Position(self.step_count, self.epoch, self._index, self.target), self._stopping.best
        if best is None:
            return Checkpoint(self.experiment, position, tensors).to_bytes()
        tensors |= {f"best.{name}": w.cpu() for name, w in zip(names, best.weights, strict=True)}
        stopping = StoppingState(best.loss, best.epoch, self._stopping.since, bool(self.stopped_early))
        return Checkpoint(self.experiment, position, tensors, stopping).to_bytes()

    def restore(self, state: bytes) -> None:
        """Go on from a stored state of a model with the same shape.

        Raises:
            UserError: when the state belongs to another experiment (but for what can change while training), has
                numbers that are not finite, or is no stored state; nothing has been changed then.
        """
        stored, parameters = Checkpoint.from_bytes(state), dict(self.model.named_parameters())
        stored.check(self.experiment, parameters, self.task.steps_per_epoch)
        self.experiment = stored.experiment
        self.optimizer = self._make_optimizer(self.experiment.training)
        weights = stored.part("model.")
        with torch.no_grad():
            for name, weight in parameters.items():
                weight.copy_(weights[name])
            torch._foreach_copy_(self._finite, self._parameters)
        for index, parameter in enumerate(self._parameters):
            if moments := stored.part(f"optimizer.{index}."):
                self.optimizer.state[parameter] = {name: t.to(self.device, copy=True) for name, t in moments.items()}
        position, best = stored.position, stored.best
        self.step_count, self.target = position.step, position.target
        self.epoch, self._index = position.epoch, position.index
        self._pending = None
        self._forget_best()
        if best is not None:
            best_weights = stored.part("best.")
            in_order = [best_weights[name].to(self.device, copy=True) for name in parameters]
            self._stopping = EarlyStopping(BestEpoch(best.loss, best.epoch, in_order), best.since)
            self.stopped_early = self._stop_sentence(best.epoch) if best.stopped else ""

    def _check_between_steps(self) -> None:
        if not self.between_steps:
            raise RuntimeError("the last step is still being measured")
