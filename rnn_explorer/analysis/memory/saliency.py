"""How much each input moves an answer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.memory.record import InputSaliency
from rnn_explorer.model import SequenceModel, reversal


@torch.enable_grad()
def saliency_of(
    frozen: FrozenModel, model: SequenceModel, inputs: Tensor, output: int | None, time_step: int
) -> InputSaliency:
    """How much each input moves the answer after one step, on the cells' fast path."""
    spec, length = frozen.task.output, inputs.shape[1]
    # An answer at the end is what the model would say if the sequence ended there.
    x = model.encode(inputs if spec.per_step else inputs[:, :time_step]).requires_grad_()  # (1, time, feature)
    reverse = reversal(1, x.shape[1], None) if model.settings.bidirectional else None
    states = x
    for layer in model.stack():
        states = layer(states, reverse)
    summary = states[:, time_step - 1] if spec.per_step else model.summary_state(states, None)
    values = model.read_out(summary)[0]  # (output_size,)
    chosen = output if output is not None else int(values.argmax()) if spec.classes else 0
    (gradient,) = torch.autograd.grad(values[chosen], x)
    norm = np.zeros(length)
    norm[: x.shape[1]] = torch.linalg.vector_norm(gradient[0], dim=-1).numpy()
    names = frozen.task.input.names
    symbols = tuple(names[index] for index in inputs[0].tolist()) if frozen.task.input.kind == "symbols" else ()
    return InputSaliency(
        chosen, spec.names[chosen], time_step, float(values[chosen].detach()), spec.classes, norm, symbols
    )
