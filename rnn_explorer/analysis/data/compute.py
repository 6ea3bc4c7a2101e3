"""Makes the record of a task's data: see `rnn_explorer.analysis.data.record`."""

from __future__ import annotations

import numpy as np

from rnn_explorer.analysis.data.record import DataReport, Example, Spread, by_name, by_value
from rnn_explorer.tasks.base import SPLITS, Batch, Task
from rnn_explorer.trace import Array

SAMPLE = 1024  # training sequences of an endless stream that are counted
LARGEST = 4096  # sequences of a finite split whose numbers are counted, evenly spaced; classes are counted in all


def report(task: Task) -> DataReport:
    """Look at a built task's data.

    Args:
        task: any.

    Raises:
        UserError: where the task has no data to look at; a sentence for a person.
    """
    sampled = 0 if task.finite else SAMPLE
    batches: dict[str, Batch] = {
        split: task.evaluation(split) if task.finite or split != "train" else task.train_batch(0, 0, SAMPLE)
        for split in SPLITS
    }
    lengths: dict[str, Array] = {split: _lengths(batch) for split, batch in batches.items()}
    every = np.concatenate(list(lengths.values()))
    shortest, longest = (int(every.min()), int(every.max())) if every.size else (0, 0)
    baseline, kind = task.baseline(), type(task)
    probe = task.probe()
    labels, label_names = task.labels(probe)
    return DataReport(
        task=kind.key,
        examples=tuple(_example(task, probe, row, int(labels[row])) for row in range(len(probe))),
        label_names=tuple(label_names),
        class_names=task.output.names if task.output.kind == "classes_per_step" else (),
        sizes={split: 0 if split == "train" and not task.finite else len(batch) for split, batch in batches.items()},
        endless=not task.finite,
        sampled=sampled,
        shortest=shortest,
        longest=longest,
        answers=_answers(task, batches),
        labels=_labels(task, batches),
        lengths=None if shortest == longest else by_value("time steps", lengths),
        inputs=_inputs(task, batches),
        metric=kind.metric.name,
        baseline_loss=baseline.loss,
        baseline_metric=baseline.metric,
        baseline_how=baseline.how,
        baseline_by_value=_by_value(task, batches),
    )


def _by_value(task: Task, batches: dict[str, Batch]) -> dict[str, float]:
    """The baseline's loss for each column, where several are forecast, on the part that the baseline is measured on."""
    found = task.baseline_by_value("validation" if len(batches["validation"]) else "test")
    return {} if found is None else dict(zip(task.input.names, found.tolist(), strict=True))


def _lengths(batch: Batch) -> Array:
    if batch.lengths is not None:
        return batch.lengths
    return np.full(len(batch), batch.inputs.shape[1])


def _example(task: Task, probe: Batch, row: int, label: int) -> Example:
    """One of the probe sequences, as the task explains it, but for the answer."""
    time, size = probe.inputs.shape[1], task.output.size
    length = int(_lengths(probe)[row])
    nothing = np.full((time, size), 1.0 / size if task.output.classes else 0.0)
    inputs, targets = probe.inputs[row], probe.targets[row]
    explanation = task.explain(inputs, targets, length, nothing)
    step_classes = None
    if task.output.kind == "classes_per_step":
        step_classes = np.where(probe.step_mask()[row], targets, -1)[:length]
    return Example(
        kind=explanation.kind,
        title=explanation.title,
        label=label,
        length=length,
        image=explanation.image,
        image_steps=explanation.image_steps,
        symbols=explanation.symbols[:length],
        strips=tuple(strip for strip in explanation.strips if strip.role != "answer"),
        step_classes=step_classes,
    )


def _answers(task: Task, batches: dict[str, Batch]) -> Spread:
    """The right answers that count: classes, or numbers."""
    output = task.output
    if output.classes:
        codes = {split: _counted(task, batch, batch.targets) for split, batch in batches.items()}
        return by_name("class", codes, output.names)
    values = {split: _counted(task, part, part.targets) for split, part in _thinned(batches).items()}
    return by_value(output.names[0] if output.size == 1 else "right answer", values)


def _labels(task: Task, batches: dict[str, Batch]) -> Spread | None:
    """The classes of the colors, where they are others than those asked for."""
    if task.output.kind == "classes":
        return None
    found = {split: task.labels(batch) for split, batch in _thinned(batches).items() if len(batch)}
    names = next((names for _, names in found.values()), ())
    if not names:
        return None
    codes = {split: found[split][0] if split in found else np.zeros(0, dtype=np.int64) for split in batches}
    return by_name("class", {split: labels[labels >= 0] for split, labels in codes.items()}, names)


def _counted(task: Task, batch: Batch, values: Array) -> Array:
    return values[batch.step_mask()] if task.output.per_step else values


def _inputs(task: Task, batches: dict[str, Batch]) -> Spread | None:
    """What enters at the real steps."""
    if task.input.kind == "values" and task.input.size > 1:
        return None
    found = {}
    for split, part in _thinned(batches).items():
        real = np.arange(part.inputs.shape[1])[None, :] < _lengths(part)[:, None]  # (batch, time)
        found[split] = part.inputs[real]
    if task.input.kind == "symbols":
        return by_name("symbol", found, task.input.names)
    return by_value(f"{task.input.names[0]} (as it enters)", found)


def _thinned(batches: dict[str, Batch]) -> dict[str, Batch]:
    return {
        split: batch
        if len(batch) <= LARGEST
        else batch.select(np.linspace(0, len(batch) - 1, LARGEST).round().astype(np.int64))
        for split, batch in batches.items()
    }
