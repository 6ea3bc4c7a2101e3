"""A run file is read whole, or not at all: everything in it is checked before anything of it is used."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.checkpoint_file import COPIES, Data, on_data
from rnn_explorer.recording.run_file import about, parts
from rnn_explorer.recording.run_file.archive import ABOUT, CURVES, DATA, Archive, BadRunFile, state_name
from rnn_explorer.recording.run_file.parts import Model
from rnn_explorer.recording.safetensors_file import LENGTH, LONGEST
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.weight_history import HistoryEntry
from rnn_explorer.sizes import parameter_count, parameter_shapes, work_of
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.chosen import task_of
from rnn_explorer.tasks.user_data.reading import Table, Text
from rnn_explorer.trace import Array

SIGNATURE = b"PK\x03\x04"  # how a run file begins, as every zip archive


@dataclass(frozen=True)
class Uploads:
    """Where the user's own data of a run file go.

    Attributes:
        keep: keeps them as an upload; returns its name.
        drop: forgets an upload.
    """

    keep: Callable[[Table | Text], str] = store.keep
    drop: Callable[[str], None] = store.drop


class RunFile:
    """A run file that was found to be whole, as long as it is open.

    Attributes:
        run: what is said of the run, at its newest state; nobody owns it.
        experiment: its settings, on the data that are there now.
        curves: (rows, 1 + columns) each, the step first, up to the newest state.
        steps: whose states it holds, ascending.
        data: the user's own data in it; None: none.
    """

    run: StoredRun
    experiment: Experiment
    curves: Mapping[Kind, Array]
    steps: tuple[int, ...]
    data: Table | Text | None

    def __init__(self, archive: Archive, given: Data | None, uploads: Uploads) -> None:
        self._archive, self._uploads, self._token = archive, uploads, ""
        try:
            settings, fields = about.read(archive.read(ABOUT, about.MAX_BYTES))
            self.data = parts.data_read(archive.read(DATA, parts.MAX_DATA)) if DATA in archive else None
        except ValueError as error:
            raise self._wrong(error) from None
        try:
            self.experiment = on_data(settings, archive.called, given if self.data is None else self._kept)
            try:
                self._check(fields)
            except (UserError, ValueError) as error:
                raise error if isinstance(error, BadRunFile) else self._wrong(error) from None
        except BaseException:
            self.drop_data()
            raise

    def _kept(self) -> tuple[str, str]:
        assert self.data is not None
        self._token = self._uploads.keep(self.data)
        return task_of(self.data), self._token

    def drop_data(self) -> None:
        """Forget the data of this file as an upload, for nothing is made of it."""
        if self._token:
            self._uploads.drop(self._token)

    def _check(self, fields: Mapping[str, Any]) -> None:
        """Look at everything once, and note where the run stands."""
        task = self.experiment.make_task()
        work_of(self.experiment, task).check()
        shapes = parameter_shapes(self.experiment, task)
        self._model = Model(self.experiment, shapes, task.steps_per_epoch)
        parameters = parameter_count(self.experiment, task)
        self._most = LENGTH + LONGEST + 4 * COPIES * (parameters + len(shapes))
        self.curves = parts.curves_read(self._archive.read(CURVES, parts.MAX_CURVES))
        self.steps = tuple(self._archive.steps())
        if not self.steps:
            raise ValueError("it holds no state")
        for step in self.steps:
            _, position, steps_per_epoch = self._state(step)
        last = max((rows[-1, 0] for rows in self.curves.values() if len(rows)), default=0)
        if last > position.step:
            raise ValueError(f"its curves go on to step {last:,.0f}, and its newest state is of step {position.step:,}")
        run = StoredRun(experiment=self.experiment.to_json(), **{"run_id": "", **fields})
        self.run = dataclasses.replace(
            run,
            step=position.step,
            epoch=position.epoch + position.index / steps_per_epoch,
            target=position.target,
            steps_per_epoch=steps_per_epoch,
            parameters=parameters,
        )

    def entries(self) -> Iterator[HistoryEntry]:
        """The states in order, each read when it is asked for.

        Raises:
            BadRunFile, OSError: when the file has changed, or the disk fails.
        """
        for step in self.steps:
            content, position, steps = self._state(step)
            yield HistoryEntry(step, position.epoch + position.index / steps, content)

    def _state(self, step: int) -> tuple[bytes, parts.Position, int]:
        name = state_name(step)
        content = self._archive.read(name, self._most)
        try:
            found = self._model.state(content)
        except ValueError as error:
            raise self._archive.wrong(f"{name}: {error}") from None
        if found[1].step != step:
            raise self._archive.wrong(f"{name} is of step {found[1].step:,}")
        return found

    def _wrong(self, error: Exception) -> UserError:
        return self._archive.wrong(str(error).rstrip("."))


@contextlib.contextmanager
def opened(
    source: Path | BinaryIO, called: str = "", data: Data | None = None, uploads: Uploads | None = None
) -> Iterator[RunFile]:
    """Open a run file and check all of it. What it allocates is bounded by what a model of its experiment takes.

    Args:
        source: its path, or the file, which can be read at any place.
        called: what sentences call it; "": its path.
        data: gives the data of a run that does not hold them, see `checkpoint_file.read`; None: there are none.
        uploads: where data in it go; None: to those of this process.

    Raises:
        UserError: when there is no such file, or it cannot be used; nothing is left of it then.
    """
    called = called or str(source)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            found = RunFile(Archive(file, called), data, uploads or Uploads())
        except OSError as error:
            raise BadRunFile(f"{called} cannot be read: {error.strerror or error}.") from error
        yield found
