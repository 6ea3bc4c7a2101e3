"""What would have happened had something been different.

`what_if` reads one sequence twice, a time step at a time, once as trained and once with gates clamped, units ablated,
inputs or weights edited; the layers above, the dense layers and the head follow.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.cell_internals.compute import marks_of, numbers_of, read_by
from rnn_explorer.analysis.cell_internals.interventions import (
    Changes,
    cell_of,
    edit_weights,
    edited_inputs,
    read_changes,
)
from rnn_explorer.analysis.cell_internals.record import Rollout, WhatIf, WhatIfOptions
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.model import SequenceModel


@analysis("what_if", WhatIfOptions)
def what_if(frozen: FrozenModel, options: WhatIfOptions) -> Progress:
    """What the model would have done with one sequence, had something been different; it is left as it is.

    Returns:
        A `WhatIf`; padding is left out.

    Raises:
        UserError: for a gate, unit, step, symbol or weight that there is not, and for values out of range.
    """
    cell, given = read_by(frozen, options)
    layer, direction, sequence = options.layer, options.direction, options.sequence
    words: list[str] = []
    changes = read_changes(cell, given.shape[1], options.clamp, options.ablate, words)
    edited = edited_inputs(frozen.model, given, options.inputs, words)
    model = frozen.model
    if options.weights:
        model = copy.deepcopy(model)
        edit_weights(cell_of(model, layer, direction), options.weights, words)
    original = numbers_of(frozen.model, given, options, Changes())
    changed = numbers_of(model, edited, options, changes)
    marks = marks_of(changed, cell, changes, options)
    passages = []
    for number, (reader, x, altered) in enumerate(((frozen.model, given, Changes()), (model, edited, changes))):
        reading = _Reading(reader, layer, direction == "backward", altered)
        recorded, states = reading.read(x)
        answers: list[Tensor] = []
        if reading.needs_prefixes:  # the backward half starts from the end, so each prefix is a reading of its own
            for end in range(1, x.shape[1] + 1):
                yield (number + end / (x.shape[1] + 1)) / 2
                answers.append(reading.answer(reader.summary_state(reading.read(x[:, :end])[1], None)))
        else:
            answers.append(reading.answer(states[0]))
        passages.append(_passage(frozen, sequence, x, recorded, torch.cat(answers)))
        yield (number + 1) / 2
    output = frozen.model.output_spec
    return WhatIf(
        cell=cell.key,
        layer=layer,
        direction=direction,
        sequence=sequence,
        bounded=frozenset(cell.bounded),
        classes=output.classes,
        per_step=output.per_step,
        output_names=tuple(map(str, output.names)),
        changes=tuple(words),
        original=passages[0],
        changed=passages[1],
        internals=dataclasses.replace(changed, changes=tuple(words), edited=marks, original=original),
    )


@dataclass(frozen=True)
class _Reading:
    """One way for a model to read a sequence: one cell a step at a time with changes, everything else as ever."""

    model: SequenceModel
    layer: int
    backward: bool
    changes: Changes

    @property
    def needs_prefixes(self) -> bool:
        """Whether the answer after step t is not seen in the states of the whole sequence."""
        return self.model.settings.bidirectional and not self.model.output_spec.per_step

    @torch.no_grad()
    def read(self, inputs: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """One sequence of real steps, (1, time, feature) or (1, time).

        Returns:
            Gates and states of the chosen cell, each (time, hidden_size), and the top layer's states,
            (1, time, features).
        """
        x, chosen = self.model.encode(inputs), dict[str, Tensor]()
        for number, layer in enumerate(self.model.stack()):
            outputs = []
            for backward, cell in ((False, layer.forwards), (True, layer.backwards)):
                if cell is None:
                    continue
                if (number, backward) == (self.layer, self.backward):
                    chosen = self.changes.unrolled(cell, x, backward)
                    outputs.append(chosen["hidden"][None])
                else:
                    states, _ = cell(x.flip(1) if backward else x)
                    outputs.append(states.flip(1) if backward else states)
            x = torch.cat(outputs, dim=-1)
        return chosen, x

    @torch.no_grad()
    def answer(self, states: Tensor) -> Tensor:
        """(n, output_size): probabilities or values for (n, features)."""
        outputs = self.model.read_out(states)
        return outputs.softmax(dim=-1) if self.model.output_spec.classes else outputs


def _passage(frozen: FrozenModel, sequence: int, x: Tensor, recorded: dict[str, Tensor], answers: Tensor) -> Rollout:
    """As numpy data, with the task's words for it."""
    probe, length = frozen.probe, x.shape[1]
    inputs, numbers = probe.inputs[sequence].numpy().copy(), answers.numpy()
    inputs[:length] = x[0].numpy()
    held = np.concatenate([numbers, np.repeat(numbers[-1:], len(inputs) - length, axis=0)])  # as in a trace
    cell = frozen.model.stack()[0].forwards
    return Rollout(
        gates={name: recorded[name].numpy() for name in cell.gate_names},
        states={name: recorded[name].numpy() for name in cell.state_names},
        answers=numbers,
        explanation=frozen.task.explain(inputs, probe.targets[sequence].numpy(), length, held),
    )
