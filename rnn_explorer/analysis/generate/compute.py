"""A model left to itself: text that it writes, series that it goes on with.

`sample` draws the next symbol from the model's own probabilities and gives it back to it as the next input, the state
being carried on. With logits z and temperature T the chance of symbol i is

    p_i = exp(z_i / T) / sum_j exp(z_j / T)

so T = 1 is what the model says, below 1 the likely becomes likelier, above 1 rarer, and in the limit T = 0 only the
likeliest remains. `closed_loop` does the same with a forecast, where there is nothing to draw.

Sources: A. Graves, "Generating sequences with recurrent neural networks" (2013), https://arxiv.org/abs/1308.0850;
H. Jaeger and H. Haas, "Harnessing nonlinearity", Science 304 (2004), for free-running prediction of chaotic series.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.generate.record import (
    CANDIDATES,
    ClosedLoop,
    ClosedLoopOptions,
    Sample,
    SampleOptions,
)
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.cells.base import State
from rnn_explorer.errors import UserError
from rnn_explorer.model import SequenceModel
from rnn_explorer.trace import Array

_AT_ONCE = 8  # steps between two looks at the clock


class _Reader:
    """A model that reads on from where it is.

    Args:
        model: one that reads forwards only, with a question at every step.
    """

    def __init__(self, model: SequenceModel) -> None:
        self._model = model
        self._states: list[State | None] = [None] * len(model.stack())

    @torch.no_grad()
    def read(self, inputs: Tensor) -> Tensor:
        """The outputs after each new step, (time, output_size), from (1, time) symbols or (1, time, feature)."""
        x = self._model.encode(inputs)
        for number, layer in enumerate(self._model.stack()):
            x, self._states[number] = layer.forwards(x, self._states[number])
        return self._model.read_out(x)[0]


# -- text -------------------------------------------------------------------------------------------------------


@analysis("sample", SampleOptions)
def sample(frozen: FrozenModel, options: SampleOptions) -> Progress:
    """Let a model write that says at each step which symbol comes next.

    A character of the prefix that the model does not know takes its other case where that is known, and is left out
    otherwise. Where all sequences of the task begin with one symbol, the prefix begins with it, too. Where nothing is
    given, the text begins after the end of a line, or a space, or whatever symbol is first in the alphabet.

    Returns:
        A `Sample`.

    Raises:
        UserError: for a task or model that cannot write, an option out of range, and a model whose answers are no
            numbers any more.
    """
    task = frozen.task
    if task.input.kind != "symbols" or not task.is_autoregressive(task.settings):
        raise UserError(f"{task.title} asks for no next symbol, so nothing can be written; choose a character model")
    length, temperature = options.length, options.temperature
    codes, notes = _given(frozen, options.prefix)
    generator = torch.Generator().manual_seed(options.seed)
    reader, outputs, given = _Reader(frozen.model), list[Tensor](), len(codes)
    for start in range(0, given, 100):
        yield 0.0
        outputs.append(reader.read(torch.tensor([codes[start : start + 100]])))
    for number in range(length):
        if number % _AT_ONCE == 0:
            yield number / length
        codes.append(_draw(_finite(outputs[-1])[-1], temperature, generator))
        outputs.append(reader.read(torch.tensor([codes[-1:]])))
    return _sample(task.output.names, codes, given, options, _finite(torch.cat(outputs)).numpy(), notes)


def _given(frozen: FrozenModel, prefix: str) -> tuple[list[int], tuple[str, ...]]:
    """The prefix as symbols, at least one, and what has been done to it, in words."""
    code_of = {symbol: code for code, symbol in enumerate(frozen.task.input.names) if symbol}
    known = [character if character in code_of else character.swapcase() for character in prefix]
    changed = dict.fromkeys(old for old, new in zip(prefix, known, strict=True) if old != new and new in code_of)
    unknown = dict.fromkeys(old for old, new in zip(prefix, known, strict=True) if new not in code_of)
    notes = []
    if changed:
        notes.append(f"{_listed(changed)} became the other case, {_lacking(changed)}.")
    if unknown:
        notes.append(f"{_listed(unknown)} {'was' if len(unknown) == 1 else 'were'} left out, {_lacking(unknown)}.")
    codes = [code_of[character] for character in known if character in code_of]
    firsts = set(frozen.probe.inputs[:, 0].tolist())
    names = frozen.task.input.names
    if len(firsts) == 1:
        (first,) = firsts
        if codes[:1] != [first]:
            codes.insert(0, first)
            notes.append(f"{_shown(names[first])} was put in front, since every sequence of this task begins with it.")
    elif not codes:
        start = next((code_of[symbol] for symbol in ("\n", " ") if symbol in code_of), 0)
        codes.append(start)
        notes.append(f"Nothing was given, so it begins after {_shown(names[start])}.")
    return codes, tuple(notes)


def _finite(logits: Tensor) -> Tensor:
    if not bool(logits.isfinite().all()):
        raise UserError("the model's answers are not finite, so nothing can be drawn; go back to an earlier step")
    return logits


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    """One symbol, from (classes,) logits."""
    if not bool(logits.isfinite().all()):
        raise UserError(
            "the model's answers are no finite numbers, so nothing can be drawn; go back to an earlier step"
        )
    if temperature == 0:
        return int(logits.argmax())
    upto = torch.from_numpy(_chances(logits.numpy()[None], temperature)[0]).cumsum(0)  # (classes,) float64
    place = torch.rand((), generator=generator, dtype=torch.float64) * upto[-1]
    return min(int(torch.searchsorted(upto, place, right=True)), len(upto) - 1)


def _chances(logits: Array, temperature: float) -> Array:
    """(time, classes) float64 chances from logits; at temperature 0 the likeliest has all."""
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    if temperature == 0:
        return np.eye(z.shape[1])[z.argmax(axis=1)]
    with np.errstate(over="ignore", under="ignore"):  # near 0 all but the likeliest have nothing
        weights = np.exp(z / temperature)
    return weights / weights.sum(axis=1, keepdims=True)


def _sample(
    names: Sequence[str],
    codes: list[int],
    given: int,
    options: SampleOptions,
    logits: Array,
    notes: tuple[str, ...],
) -> Sample:
    own, chances = _chances(logits, 1.0), _chances(logits, options.temperature)  # (time, classes)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :CANDIDATES]
    rows = np.arange(len(codes))[:, None]
    return Sample(
        symbols=tuple(names[code] for code in codes),
        given=given,
        temperature=options.temperature,
        seed=options.seed,
        candidates=np.array(names)[best],
        probabilities=own[rows, best].astype(np.float32),
        chances=chances[rows, best].astype(np.float32),
        taken=chances[np.arange(len(codes) - 1), codes[1:]].astype(np.float32),
        notes=notes,
    )


# -- series -----------------------------------------------------------------------------------------------------


@analysis("closed_loop", ClosedLoopOptions)
def closed_loop(frozen: FrozenModel, options: ClosedLoopOptions) -> Progress:
    """Let a model go on with a series by itself that says at each step which value comes next.

    It reads one probe sequence, or as many steps from near the end of the series that this is of; its forecast is then
    its next input, and so on. Beside it, as far as the series is known, stands the forecast of one step that reads the
    true values all along.

    Returns:
        A `ClosedLoop`, in the series' own unit; values beyond all bounds are kept as they are.

    Raises:
        UserError: for a task or model that cannot go on, a series without a known end, and an option out of range.
    """
    task = frozen.task
    if task.input.kind != "values" or not task.is_autoregressive(task.settings):
        raise UserError(f"{task.title} asks for no next value, so there is nothing to go on with; choose a forecast")
    sequence, steps, back = options.sequence, options.steps, options.back
    window = frozen.inputs(sequence)  # (1, time, values)
    yield 0.0
    course = task.course(window[0].numpy())
    if back is not None:
        if course is None:
            raise UserError(f"nobody knows where a series of {task.title} ends; begin after the sequence instead")
        last = len(course.values) - window.shape[1]
        course = dataclasses.replace(course, start=max(last - back, 0))
        window = torch.from_numpy(course.values[course.start :][: window.shape[1]])[None]
    reader, read = _Reader(frozen.model), window.shape[1]
    free = [reader.read(window)[-1:]]  # (1, values)
    for number in range(1, steps):
        if number % _AT_ONCE == 0:
            yield 0.9 * number / steps
        free.append(reader.read(free[-1][None]))
    nothing = np.zeros((0, task.input.size), dtype=np.float32)
    whole, truth = (nothing, nothing) if course is None else (course.values, course.truth)
    # What is missing is read as the task fills it, and not shown as something that came.
    first = 0 if course is None else course.start
    follows, came = (part[first + read : first + read + steps] for part in (whole, truth))
    yield 0.9
    follower = _Reader(frozen.model)
    followed = follower.read(torch.cat([window, torch.from_numpy(follows.copy())[None]], dim=1))
    mean, scale = task.mean, task.scale
    with np.errstate(all="ignore"):  # a free run can leave all bounds

        def in_units(values: Array) -> Array:
            return values.astype(np.float64) * scale + mean

        return ClosedLoop(
            sequence=sequence,
            title=task.title if course is None else course.title,
            names=tuple(task.input.names),
            window=in_units(window[0].numpy()),
            truth=in_units(came),
            one_step=in_units(followed.numpy()),
            free=in_units(torch.cat(free).numpy()),
            scale=np.broadcast_to(np.asarray(scale, dtype=np.float64), (task.input.size,)).copy(),
            when=() if course is None else tuple(map(course.when, range(first, first + read + len(came)))),
            beyond=0 if course is None else max(steps - len(came), 0),
        )


def _shown(symbol: str) -> str:
    return {"\n": "the end of a line", " ": "a space", "\t": "a tab"}.get(symbol) or f'"{symbol}"'


def _listed(symbols: dict[str, None]) -> str:
    """ "x", "y" and "z", at most eight of them."""
    shown = [_shown(symbol) for symbol in symbols]
    if len(shown) > 8:
        shown = [*shown[:8], f"{len(shown) - 8} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _lacking(symbols: dict[str, None]) -> str:
    return f"since the alphabet lacks {'it' if len(symbols) == 1 else 'them'}"
