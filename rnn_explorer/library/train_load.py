"""`train` and `load`: a run from settings, or from a file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnn_explorer.experiment import DEFAULT_TASK, Experiment
from rnn_explorer.library.run import Run
from rnn_explorer.recording import trained_run
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.user_data import series, store
from rnn_explorer.tasks.user_data.chosen import settings_of, task_of
from rnn_explorer.tasks.user_data.limits import MAX_BYTES, DataError
from rnn_explorer.tasks.user_data.reading import Table, Text, read


def train(
    task: str | Experiment | None = None,
    *,
    data: str | Path | None = None,
    progress: bool = False,
    **settings: Any,
) -> Run:
    """Train the model of an experiment to the end of its budget.

    Args:
        task: the task's key, such as "flip_flop"; an experiment; or None: the default task, or the one for `data`.
            `python -m rnn_explorer tasks` lists the keys.
        data: a file of your own: a table (.csv, .tsv) to forecast or classify, or a text.
        progress: whether to show on standard error how far it has come.
        settings: of the task, the model and the training, by name; what is left out takes the task's default.
            `python -m rnn_explorer settings flip_flop` lists them with their ranges.

    Returns:
        The run, trained. A divergence is a warning; see `Run.train`.

    Raises:
        SettingError: for a setting that does not exist or a value it cannot have; the message is a sentence.
        UserError: for a file that cannot be used, and for a model that is too large.

    Example:
        >>> import rnn_explorer as rx
        >>> run = rx.train("flip_flop", cell="gru", hidden_size=8, steps=20)
        >>> run.history.query("split == 'validation'")["step"].tolist()
        [0, 20]
        >>> run.trace().layer(0).gates["update"].shape  # (batch, time, hidden_size)
        (8, 50, 8)
        >>> rx.train("flip_flop", hiden_size=8)
        Traceback (most recent call last):
            ...
        rnn_explorer.settings.SettingError: flip_flop has no setting 'hiden_size'; there are: task, seq_len, ...
    """
    experiment = _experiment(task, data, settings)
    for name, sentence in experiment.idle().items():
        if name in settings:
            warnings.warn(sentence, stacklevel=2)
    return Run(experiment).train(progress=progress)


def load(path: str | Path, *, data: str | Path | None = None) -> Run:
    """A run from a file that `Run.save` or `python -m rnn_explorer train --save` wrote.

    Args:
        path: of a run file (.rnnx) or a checkpoint (.safetensors).
        data: the file that it was trained on, for a model of your own data: a checkpoint does not hold it, and a run
            file not always.

    Returns:
        The run, at the optimizer step and with the learning curves it had; trained on, it goes on as if it had never
        stopped.

    Raises:
        UserError: when there is no such file, or it is neither of these, or its model is too large.

    Example:
        >>> import pathlib, tempfile
        >>> import rnn_explorer as rx
        >>> run = rx.train("adding", seq_len=10, hidden_size=4, steps=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run.save(pathlib.Path(folder, "run.rnnx"))
        ...     again = rx.load(pathlib.Path(folder, "run.rnnx"))
        >>> again.step, again.evaluate() == run.evaluate()
        (10, True)
    """

    def kept() -> tuple[str, str]:
        assert data is not None
        record = _read(data)
        return task_of(record), store.keep(record)

    return Run.of(trained_run.load(Path(path), None if data is None else kept))


def _experiment(task: str | Experiment | None, data: str | Path | None, settings: Mapping[str, Any]) -> Experiment:
    chosen = {name: _plain(value) for name, value in settings.items()}
    if data is None:
        if isinstance(task, Experiment):
            return task.replace(**chosen)
        return Experiment.from_dict({"task": DEFAULT_TASK if task is None else task, **chosen})
    record = _read(data)
    right = task_of(record)
    given = task.task if isinstance(task, Experiment) else task
    if given not in (None, right):
        raise SettingError("task", given, f"{right} for this file, or left out")
    if isinstance(chosen.get("columns"), list | tuple):
        chosen["columns"] = series.join_names(chosen["columns"])
    chosen = {**settings_of(record, chosen), **chosen}
    return task.replace(**chosen) if isinstance(task, Experiment) else Experiment.from_dict({"task": right, **chosen})


def _read(data: str | Path) -> Table | Text:
    """A file of the user's own.

    Raises:
        DataError: when it cannot be used.
    """
    path = Path(data)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # one byte too many is enough to be refused
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    return read(content, path.name)


def _plain(value: Any) -> Any:
    """A number of numpy's as Python's own."""
    return value.item() if hasattr(value, "item") else value
