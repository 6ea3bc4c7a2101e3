"""A run in a program or a notebook: trained, looked into, kept in a file."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.curves import curves
from rnn_explorer.library.inspection import Inspection, one_thread
from rnn_explorer.progress import ProgressBar, cell_text
from rnn_explorer.recording import files
from rnn_explorer.recording.recorder import End, record
from rnn_explorer.recording.trained_run import TrainedRun
from rnn_explorer.settings import shown
from rnn_explorer.tasks.base import SPLITS, Split, Task
from rnn_explorer.training import StepReport, Trainer

if TYPE_CHECKING:
    import pandas as pd

    from rnn_explorer.model import SequenceModel


@dataclass(frozen=True)
class Evaluation:
    """How well a model does on one split.

    Attributes:
        split: "train", "validation" or "test".
        loss: mean cross-entropy in nats, or mean squared error; NaN where the split is empty.
        metric: share of right answers (0 to 1), or mean squared error; NaN where the split is empty.
        metric_name: "accuracy" or "MSE".
        baseline: the metric of the best predictor from the present input alone.
        beats_baseline: whether `metric` is better than that; None where there is nothing to compare.

    Example:
        >>> import rnn_explorer as rx
        >>> found = rx.train("flip_flop", hidden_size=4, steps=5).evaluate()
        >>> found.split, found.metric_name, found.beats_baseline
        ('test', 'MSE', False)
    """

    split: Split
    loss: float
    metric: float
    metric_name: str
    baseline: float
    beats_baseline: bool | None


class Run(Inspection):
    """A model of an experiment, with its training so far; `train` and `load` bring one.

    Args:
        experiment: what to train. The run begins untrained.

    Attributes:
        status: how the last training ended: "finished", "interrupted" (Ctrl-C, or the notebook's stop) or "diverged";
            "ready" before the first.
        message: a sentence about a divergence or an early stop; "" for none.

    Raises:
        UserError: for settings that the task's data do not bear, and for a model that is too large.

    Example:
        >>> import rnn_explorer as rx
        >>> run = rx.Run(rx.Experiment.default("flip_flop").replace(cell="gru", hidden_size=4))
        >>> run.step, run.train(steps=10).step, run.train(steps=5).step
        (0, 10, 15)
        >>> run
        <Run of flip_flop: gru with 4 units, 15 optimizer steps, validation MSE ...>
        >>> run.model.head.weight.shape
        torch.Size([3, 4])
    """

    def __init__(self, experiment: Experiment) -> None:
        self._begin(TrainedRun(Trainer(experiment)))

    @classmethod
    def of(cls, recorded: TrainedRun) -> Self:
        """The run that goes on from a trainer with what is recorded of it, which are the run's from now on."""
        run = cls.__new__(cls)
        run._begin(recorded)
        return run

    def _begin(self, recorded: TrainedRun) -> None:
        self._recorded, self._trainer, self._curves = recorded, recorded.trainer, recorded.curves
        self.status: Literal["ready"] | End = "ready"
        self.message = ""
        if self._curves.validation.last() is None:
            self._curves.add(self._trainer.opening())
        recorded.past.take(self._trainer)

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def experiment(self) -> Experiment:
        """What is trained: task, model and training settings."""
        return self._trainer.experiment

    @property
    def task(self) -> Task:
        """The task with its data, its metric and its memoryless baseline."""
        return self._trainer.task

    @property
    def model(self) -> SequenceModel:
        """The network, a torch module; it changes as the run is trained."""
        return self._trainer.model

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self._trainer.step_count

    def __repr__(self) -> str:
        settings, last = self.experiment.model, self._curves.validation.last() or {}
        return (
            f"<Run of {self.experiment.task}: {settings.cell} with {settings.hidden_size} units, "
            f"{self.step} optimizer steps, validation {self.task.metric.name} {cell_text(last.get('metric'))}>"
        )

    def summary(self) -> pd.DataFrame:
        """The layers of the network, a row each.

        Returns:
            Columns `layer`, `output_shape`, `parameters` (as torch counts them) and `keras_parameters`.
        """
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self._trainer.summary()])

    # -- training -----------------------------------------------------------------------------------------------

    def train(self, steps: int | None = None, *, progress: bool = False) -> Self:
        """Train on. Ctrl-C, or the notebook's stop, ends it between two optimizer steps and keeps what was reached.

        A divergence is a warning, not an error: the weights of the last finite loss are kept, and `status` and
        `message` say so.

        Args:
            steps: optimizer steps, 0 to 1,000,000; None: what is left of the experiment's budget, or all of it once
                more where nothing is left.
            progress: whether to show on standard error how far it has come.

        Returns:
            This run.

        Raises:
            SettingError: for another number of steps.
        """
        trainer = self._trainer
        if steps is None:
            trainer.extend()
        else:
            trainer.target = trainer.step_count + TrainingSettings.spec("steps").check(steps)
        bar = ProgressBar(trainer) if progress else None

        def show(report: StepReport) -> None:
            self._recorded.past.take(trainer)
            if bar is not None:
                if report.val_loss is not None:
                    bar.report(report)
                bar.progress(report)

        begin = time.monotonic()
        with one_thread():
            self.status, self.message = record(trainer, self._curves, show)
        self._recorded.seconds += time.monotonic() - begin
        if bar is not None:
            bar.close()
        if self.status == "diverged":
            warnings.warn(self.message, stacklevel=2)
        return self

    @property
    def history(self) -> pd.DataFrame:
        """The learning curves.

        Returns:
            A row for each optimizer step (of more than 2,000, for every so many) and each validation, with the columns
            `step`, `split` ("train": the batch of that step, before it; "validation": the whole set), `loss`, `metric`
            (see `Evaluation`), and for training `grad_norm` and `applied_norm`, the length of the gradient before and
            after clipping.
        """
        import pandas as pd

        tables = {"train": self._curves.train.arrays(), "validation": self._curves.validation.arrays()}
        parts = [pd.DataFrame(table).assign(split=split) for split, table in tables.items() if len(table["step"])]
        columns = ["step", "split", "loss", "metric", "grad_norm", "applied_norm"]
        rows = pd.concat(parts, ignore_index=True).reindex(columns=columns)
        return rows.sort_values("step", kind="stable", ignore_index=True)

    def curves(self) -> Figure:
        """The figure of the learning curves, with the memoryless baseline."""
        baseline = self.task.baseline()
        return curves(
            self._curves.train.arrays(),
            self._curves.validation.arrays(),
            baseline.loss,
            baseline.metric,
            baseline.how,
            self.task.metric.name,
            self.experiment.model.cell,
        )

    def evaluate(self, split: Split = "test") -> Evaluation:
        """Loss and metric on a whole split.

        Args:
            split: "test", "validation" or "train"; of data that are generated without end, "train" is a fixed sample.

        Raises:
            UserError: for another split.
        """
        if split not in SPLITS:
            raise UserError(f"split is {shown(split)}, but must be one of {', '.join(SPLITS)}.")
        loss, metric = self._trainer.evaluate(split)
        baseline, kind = self.task.baseline().metric, self.task.metric
        return Evaluation(split, loss, metric, kind.name, baseline, kind.beats(metric, baseline))

    # -- files --------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, data: bool = True) -> None:
        """Write the run as a file, for `load`.

        A name that ends in .rnnx gives a run file: settings, learning curves and all the kept states of its past, which
        the pages open, too. Any other gives a checkpoint in the safetensors format, with the newest state alone. The
        command line reads both: `python -m rnn_explorer memory --load FILE`.

        Args:
            path: where to; what is there is replaced.
            data: whether a run file of a run on data of your own holds these data, too. A checkpoint never does.

        Raises:
            OSError: when it cannot be written; what was there stays.
        """
        self._recorded.save(Path(path), data)

    def save_trace(self, path: str | Path) -> None:
        """Write `trace()` as a numpy .npz file: `inputs`, `targets`, `lengths`, `answers`, `layer0.forward.hidden` ...

        Raises:
            OSError: when it cannot be written; what was there stays.
        """
        files.write_trace(Path(path), self._trainer.snapshot().trace)
