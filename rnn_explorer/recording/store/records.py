"""What a store keeps of a run, without its curves and states."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["train", "validation", "clock"]  # of a curve; "clock" has the seconds of training at some steps
Visibility = Literal["private", "link"]


@dataclass(frozen=True)
class StoredRun:
    """One row of the table of runs. Its fields are the table's columns.

    Attributes:
        run_id: unguessable; letters, digits, "-" and "_".
        experiment: as JSON, see `Experiment.to_json`.
        owner: the visitor whose run it is.
        root: the run that its family of branches began with.
        origin, origin_step: the run and the step from which it branched off; "" and 0: from none.
        run_group: the group it belongs to, such as a race; "": none.
        name, note, tags: the owner's words.
        starred: never cleared to make room.
        archived: not in the list, unless archived runs are asked for.
        visibility: who may see it: its owner, or also who has its link.
        status, message, step, epoch, target, steps_per_epoch: as in `RunView`.
        seconds: of training so far.
        parameters: trainable numbers.
        metric_name: of `best_metric` and `last_metric`, "accuracy" or "MSE".
        best_loss, best_metric, best_step: at the lowest validation loss; None: none was measured.
        last_loss, last_metric: of the newest validation.
        test_loss, test_metric: on the test split, where they were measured since training last began.
        data: SHA-256 of the user's own data that it needs; "": none.
        versions: of this program, torch and Python, the processor, the number of threads and the kernels: with others
            its curve may go on differently.
        marks: steps from which on these were others than before, each with what that is, in words.
        created, updated, deleted: seconds since 1970; `deleted` None where it is not.
        bytes: that its states take on disk.
        sparkline: some of its losses in order, for a small picture of the curve.
    """

    run_id: str
    experiment: str
    owner: str = ""
    root: str = ""
    origin: str = ""
    origin_step: int = 0
    run_group: str = ""
    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    starred: bool = False
    archived: bool = False
    visibility: Visibility = "link"
    status: str = "ready"
    message: str = ""
    step: int = 0
    epoch: float = 0.0
    target: int = 0
    steps_per_epoch: int = 0
    seconds: float = 0.0
    parameters: int = 0
    metric_name: str = ""
    best_loss: float | None = None
    best_metric: float | None = None
    best_step: int | None = None
    last_loss: float | None = None
    last_metric: float | None = None
    test_loss: float | None = None
    test_metric: float | None = None
    data: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[tuple[int, str], ...] = ()
    created: float = 0.0
    updated: float = 0.0
    deleted: float | None = None
    bytes: int = 0
    sparkline: tuple[float, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Its fields as SQLite takes them."""
        return {part.name: column(getattr(self, part.name)) for part in dataclasses.fields(self)}

    @classmethod
    def of(cls, row: Sequence[Any]) -> StoredRun:
        """A run from its columns' values in the order of `FIELDS`; a list of runs has thousands, hence no names."""
        values = list(row)
        for place, read in _READ:
            values[place] = read(values[place])
        return cls(*values)


FIELDS = tuple(part.name for part in dataclasses.fields(StoredRun))
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "tags": lambda text: tuple(json.loads(text)),
    "sparkline": lambda text: tuple(json.loads(text)),
    "marks": lambda text: tuple((step, words) for step, words in json.loads(text)),
    "versions": json.loads,
    "starred": bool,
    "archived": bool,
}
_READ = tuple((FIELDS.index(name), read) for name, read in _READERS.items())


@dataclass(frozen=True)
class RunGroup:
    """Runs that belong together since only some settings differ, such as a race of three cells.

    Attributes:
        group_id: unguessable, as a run's id.
        kind: what made it, such as "race".
        owner: the visitor whose group it is.
        name: the owner's words for it; "": none.
        varies: the settings by which its runs differ.
        created: seconds since 1970.
    """

    group_id: str
    kind: str
    owner: str = ""
    name: str = ""
    varies: tuple[str, ...] = ()
    created: float = 0.0


def column(value: Any) -> Any:
    """A field's value as SQLite takes it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(dict(value)) if isinstance(value, Mapping) else value
