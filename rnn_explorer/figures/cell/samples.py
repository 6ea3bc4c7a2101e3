"""Made-up numbers on the wires of cells, for examples and tests of figures."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from rnn_explorer.analysis.cell_internals.record import CellInternals, Edited, Largest, Rollout, WhatIf
from rnn_explorer.cells import CELLS
from rnn_explorer.figures.samples import HOSTILE, layer, probabilities
from rnn_explorer.trace import Array, Explanation

_WIRE = re.compile(r"\{([^}:]+)")


def internals(cell: str, length: int = 8, unit: int | None = 1, **more: Any) -> CellInternals:
    """The numbers on every wire that the equations of a registered cell name, gates in (0, 1), all others signed."""
    facts = CELLS.get(cell)
    texts = [text for each in facts.equations("tanh") for text in (each.symbols, each.numbers, each.means)]
    names = dict.fromkeys(["x", "h_prev", "h", *facts.gate_names, *_WIRE.findall(" ".join(texts))])
    letters = (facts.state_letters.get(name, name) for name in facts.state_names)
    names |= dict.fromkeys(wire for letter in letters for wire in (f"{letter}_prev", letter))
    rng = np.random.default_rng(length)
    record = CellInternals(
        cell=cell,
        layer=0,
        direction="forward",
        sequence=0,
        unit=unit,
        hidden_size=5,
        input_size=2,
        nonlinearity="tanh",
        gate_names=facts.gate_names,
        state_names=facts.state_names,
        bounded=facts.bounded,
        wires={name: rng.uniform(0 if name in facts.bounded else -1.5, 1, length) for name in names},
        inputs=tuple("abc "[t % 4] for t in range(length)),
        input_names=("a", "b"),
        largest={} if unit is None else _largest(facts.gate_names, length, rng),
    )
    return dataclasses.replace(record, **more)


def _largest(gates: tuple[str, ...], length: int, rng: np.random.Generator) -> dict[str, Largest]:
    shape = (length, 2)
    return {
        f"{gate}.{part}": Largest(rng.integers(0, 2, shape), rng.normal(size=shape)) for gate in gates for part in "xh"
    }


def changed(cell: str, length: int = 8, unit: int | None = 1) -> CellInternals:
    """The same of a cell whose first gate is clamped from the third step on, with the original's."""
    before, gate = internals(cell, length, unit), CELLS.get(cell).gate_names[0]
    from_third = np.arange(length) >= 2
    wires = {name: np.where(from_third, 0.5 * values, values) for name, values in before.wires.items()}
    return dataclasses.replace(
        before,
        wires={**wires, gate: np.where(from_third, 0.0, wires[gate])},
        changes=(f"{gate} of unit 1 clamped to 0 at t = 3 to {length}",),
        edited={
            gate: Edited("clamped", from_third.astype(float)),
            "x": Edited("edited", from_third[::-1].astype(float)),
        },
        original=before,
    )


def what_if(cell: str, length: int = 8, outputs: int = 3, classes: bool = True, names: str = "output") -> WhatIf:
    """What a model did, and what it would have done with `changed`.

    Args:
        cell: the cell's key.
        length: time steps.
        outputs: classes, or values at a step.
        classes: whether the answers are probabilities of classes.
        names: what the outputs are called, before their number.
    """
    record = changed(cell, length)
    answers = probabilities(length, outputs) if classes else np.sin(np.arange(length * outputs)).reshape(length, -1)
    return WhatIf(
        cell=cell,
        layer=0,
        direction="forward",
        sequence=0,
        bounded=record.bounded,
        classes=classes,
        per_step=not classes,
        output_names=tuple(f"{names} {number}" for number in range(outputs)),
        changes=record.changes,
        original=_rollout(cell, length, answers, 1.0),
        changed=_rollout(cell, length, answers[::-1], 0.5),
        internals=record,
    )


def _rollout(cell: str, length: int, answers: Array, factor: float) -> Rollout:
    made = layer(cell, 5, length, batch=1)
    return Rollout(
        gates={name: values[0] for name, values in made.gates.items()},
        states={name: factor * values[0] for name, values in made.states.items()},
        answers=answers,
        explanation=Explanation("series", "a word", f"says {HOSTILE}", None, length),
    )
