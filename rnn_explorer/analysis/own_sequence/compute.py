"""The user's own sequence through a trained model: states, gates, and the prediction after each time step.

Numbers are given in the task's own unit (sunspots, °C, a coefficient as it was measured) and normalized as the task's
data are: with mean and standard deviation of the training part. A task that does not normalize takes them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn_explorer.analysis.arguments import finite_number
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.own_sequence.record import LONGEST, OwnSequence, OwnSequenceOptions
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.errors import UserError
from rnn_explorer.readable import number
from rnn_explorer.tasks.base import Batch, OutputSpec
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Explanation, Strip

ROWS = 24  # classes whose probabilities are shown
SHOWN = 4  # features that are drawn as lines


@analysis("own_sequence", OwnSequenceOptions)
def own_sequence(frozen: FrozenModel, options: OwnSequenceOptions) -> Progress:
    """Let the model read a sequence that is not of its task's data.

    A character that the task does not know takes its other case where that is known.

    Returns:
        An `OwnSequence`.

    Raises:
        UserError: for nothing at all, a symbol that there is not, an entry that is no number, rows of another width,
            and sequences that are too long, or of another size than the task's pictures.
    """
    task, values, notes = frozen.task, options.values, list[str]()
    symbols = task.input.kind == "symbols"
    inputs = _symbols(frozen, values, notes) if symbols else _numbers(frozen, values)  # (time,) or (time, feature)
    _check_length(frozen, inputs)
    yield 0.0
    batch = Batch(inputs[None], _no_targets(task.output, inputs))
    trace = frozen.model.trace(TensorBatch.of(batch))
    yield 0.9
    continues = task.is_autoregressive(task.settings)
    if symbols:
        told = _of_symbols(frozen, trace.inputs[0], trace.answers[0], continues)
    else:
        told = _of_numbers(frozen, trace.inputs[0], trace.answers[0], continues, notes)
    return OwnSequence(trace, told, task.legal(trace.inputs[0]), tuple(notes))


# -- what is given ----------------------------------------------------------------------------------------------


def _symbols(frozen: FrozenModel, values: Any, notes: list[str]) -> Array:
    """(time,) int64 from a text."""
    if not isinstance(values, str):
        raise UserError("this task reads symbols, so the sequence must be a text")
    if not values:
        raise UserError("the sequence is empty; type one symbol at least")
    names = frozen.task.input.names
    code_of = {name: code for code, name in enumerate(names) if name}
    codes, changed = list[int](), False
    for step, character in enumerate(values, start=1):
        known = character if character in code_of else character.swapcase()
        if known not in code_of:
            raise UserError(f"{character!r}, symbol {step}, is not known to this task; it knows {_listed(code_of)}")
        changed = changed or known != character
        codes.append(code_of[known])
    if changed:
        notes.append("Some letters became the other case, which is the one that this task knows.")
    return np.array(codes, dtype=np.int64)


def _numbers(frozen: FrozenModel, values: Any) -> Array:
    """(time, feature) float32, normalized as the task's own."""
    task, names = frozen.task, frozen.task.input.names
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise UserError("this task reads numbers, so the sequence must be a list with one entry a time step")
    if not len(values):
        raise UserError("the sequence is empty; give one time step at least")
    rows = [list(row) if isinstance(row, (list, tuple)) else [row] for row in values]
    for step, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise UserError(f"time step {step} has {_counted(row)}, but this task reads {len(names)} at each time step")
        for name, value in zip(names, row, strict=True):
            finite_number(f"{name} at time step {step}", value)
    with np.errstate(over="ignore"):
        normalized = ((np.array(rows, dtype=np.float64) - task.mean) / task.scale).astype(np.float32)
    far = np.argwhere(~np.isfinite(normalized))
    if len(far):
        raise UserError(f"{names[far[0, 1]]} at time step {far[0, 0] + 1} is beyond what the model can read")
    return normalized


def _check_length(frozen: FrozenModel, inputs: Array) -> None:
    probe = frozen.probe
    most = max(LONGEST, probe.inputs.shape[1])
    if len(inputs) > most:
        raise UserError(f"the sequence has {len(inputs):,} time steps, and the limit is {most}; make it shorter")
    wanted = probe.inputs.shape[1]
    if probe.lengths is None and _picture(frozen) is not None and len(inputs) != wanted:
        raise UserError(f"the sequence has {len(inputs)} time steps, but a picture of this task has {wanted}")


def _picture(frozen: FrozenModel) -> Explanation | None:
    """How the task shows one of its own sequences, where that is an image."""
    probe, task = frozen.probe, frozen.task
    length = probe.inputs.shape[1] if probe.lengths is None else int(probe.lengths[0])
    answers = np.full((probe.inputs.shape[1], task.output.size), 1.0 / task.output.size)
    if task.input.kind == "symbols" or task.output.kind != "classes":
        return None
    told = task.explain(probe.inputs[0].numpy(), probe.targets[0].numpy(), length, answers)
    return told if told.kind == "image" else None


def _no_targets(output: OutputSpec, inputs: Array) -> Array:
    """Targets of the right shape for one sequence that has none."""
    steps = (len(inputs),) if output.per_step else ()
    if output.classes:
        return np.zeros((1, *steps), dtype=np.int64)
    return np.zeros((1, *steps, output.size), dtype=np.float32)


# -- what is said of it -----------------------------------------------------------------------------------------


def _of_symbols(frozen: FrozenModel, codes: Array, answers: Array, continues: bool) -> Explanation:
    names = frozen.task.input.names
    symbols = tuple(names[code] for code in codes)
    following = np.append(codes[1:], -1) if continues else None
    return Explanation(
        kind="symbols",
        title="".join(symbols),
        verdict=_verdict(frozen, answers, continues),
        correct=None,
        length=len(codes),
        symbols=symbols,
        **_classes(frozen.task.output, answers, following),
    )


def _of_numbers(frozen: FrozenModel, inputs: Array, answers: Array, continues: bool, notes: list[str]) -> Explanation:
    task, picture = frozen.task, _picture(frozen)
    told: dict[str, Any] = {"title": "your own", "correct": None, "length": len(inputs)}
    told["verdict"] = _verdict(frozen, answers, continues)
    if task.output.classes:
        told |= _classes(task.output, answers, None)
    if picture is not None:
        assert picture.image is not None and picture.image_steps is not None
        # A step is a row of the image, or one of its cells.
        by_row = picture.image.shape[1] == inputs.shape[1]
        image = inputs if by_row else inputs.reshape(picture.image.shape)
        cells = np.arange(image.size).reshape(image.shape)
        told |= {"kind": "image", "image": image, "image_steps": cells // image.shape[1] if by_row else cells}
        return Explanation(**told)
    return Explanation(**told, kind="series", strips=_strips(frozen, inputs, answers, continues, notes))


def _strips(frozen: FrozenModel, inputs: Array, answers: Array, continues: bool, notes: list[str]) -> tuple[Strip, ...]:
    """Lines of what goes in and, where the answer is numbers, of that, each in its own unit."""
    task = frozen.task
    numbers = inputs.astype(np.float64) * task.scale + task.mean  # (time, features)
    said = answers.astype(np.float64)
    if continues:
        with np.errstate(over="ignore", invalid="ignore"):
            said = said * task.scale + task.mean
    names, outputs = task.input.names, () if task.output.classes else task.output.names
    if len(names) > SHOWN:
        notes.append(f"Drawn are the first {SHOWN} of {len(names)} numbers at each time step.")
    strips = []
    for n, name in enumerate(names[:SHOWN]):
        strips.append(Strip(name, numbers[:, n], "input", name))
        if continues:
            following = np.append(numbers[1:, n], np.nan)
            strips.append(Strip(outputs[n], following, "target", outputs[n]))
            strips.append(
                Strip("forecast" if len(names) == 1 else f"forecast of {name}", said[:, n], "answer", outputs[n])
            )
    if not continues:
        # Answers that belong to the inputs one by one are drawn with them.
        together = len(outputs) == len(names)
        strips += [
            Strip(name, said[:, n], "answer", names[n] if together else name) for n, name in enumerate(outputs[:SHOWN])
        ]
    return tuple(strips)


def _classes(output: OutputSpec, answers: Array, following: Array | None) -> dict[str, Any]:
    """Names and probabilities of the classes that are shown, and the right ones where the sequence tells them.

    Args:
        output: of the task.
        answers: (time, classes).
        following: (time,) the class that came next, -1 for none.
    """
    shown = np.arange(output.size)
    if output.size > ROWS:  # those that come, and the likeliest
        weight = np.nan_to_num(answers).mean(axis=0)
        if following is not None:
            weight[following[following >= 0]] += 1.0
        shown = np.sort(np.argsort(-weight, kind="stable")[:ROWS])
    found: dict[str, Any] = {
        "class_names": tuple(output.names[n] for n in shown),
        "probabilities": answers[:, shown],
    }
    if following is not None:
        place = np.full(output.size + 1, -1)  # the last entry for no class
        place[shown] = np.arange(len(shown))
        found["target_classes"] = place[following]
    return found


def _verdict(frozen: FrozenModel, answers: Array, continues: bool) -> str:
    """What is said at the end."""
    task, output, last = frozen.task, frozen.task.output, answers[-1]
    if not np.isfinite(last).all():
        return "has no finite answer"
    if output.classes:
        said = int(last.argmax())
        name, share = _visible(output.names[said]), f"({100 * last[said]:.0f} %)"
        return f"expects {name} next {share}" if continues else f"says {name} {share}"
    mean, scale = (task.mean, task.scale) if continues else (0.0, 1.0)
    values = np.broadcast_to(last.astype(np.float64) * scale + mean, last.shape)
    told = [f"{name} {number(float(value))}" for name, value in zip(output.names, values, strict=True)]
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f"says {', '.join(told[:SHOWN])}{more}"


def _visible(symbol: str) -> str:
    return {" ": "a space", "\n": "the end of a line", "\t": "a tab", "": "the end"}.get(symbol, symbol)


def _counted(row: list[Any]) -> str:
    return "1 number" if len(row) == 1 else f"{len(row)} numbers"


def _listed(known: dict[str, int]) -> str:
    """The alphabet, as far as it is short enough to be read."""
    letters = " ".join(_visible(symbol) for symbol in known)
    return letters if len(letters) <= 90 else f"{letters[:89]}…"
