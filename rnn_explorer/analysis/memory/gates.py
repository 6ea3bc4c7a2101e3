"""What the gates of every cell do, over all probe sequences."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.memory.cell_memory import BINS, GateStatistics, time_constants
from rnn_explorer.analysis.memory.reading import double
from rnn_explorer.analysis.saturation import saturation, share
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.model import SequenceModel, along_time, reversal
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array


@torch.no_grad()
def gates_of(model: SequenceModel, probe: TensorBatch) -> list[GateStatistics]:
    """What the gates of every cell do over all real steps of all probe sequences."""
    x = model.encode(double(probe.inputs))
    reverse = reversal(x.shape[0], x.shape[1], probe.lengths) if model.settings.bidirectional else None
    real = TensorBatch(probe.inputs, probe.targets, probe.lengths).step_mask().numpy()  # (batch, time)
    found = []
    for layer in model.stack():
        recorded = layer.forwards.trace(x)
        found.append(_statistics(layer.forwards, recorded, real))
        outputs = [recorded["hidden"]]
        if layer.backwards is not None:
            assert reverse is not None
            recorded = layer.backwards.trace(along_time(x, reverse))  # padding is at the end here too
            found.append(_statistics(layer.backwards, recorded, real))
            outputs.append(along_time(recorded["hidden"], reverse))
        x = torch.cat(outputs, dim=-1)
    return found


def _statistics(cell: RecurrentCell, recorded: dict[str, Tensor], real: Array) -> GateStatistics:
    """Of one cell.

    Args:
        cell: whose.
        seen: gates and states, each (batch, time, hidden), in the order of reading.
        real: (batch, time) which steps are no padding.
    """
    gates = {name: recorded[name].numpy()[real][None] for name in cell.gate_names}  # (1, steps, hidden)
    bounded = {name: gates[name] for name in cell.gate_names if name in cell.bounded}
    more: dict[str, float] = {}
    nonlinearity = cell.nonlinearity if cell.gate_names == ("pre_activation",) else ""  # a simple RNN's
    if nonlinearity:
        before = gates["pre_activation"]
        slope = 1.0 - np.square(np.tanh(before)) if nonlinearity == "tanh" else (before > 0).astype(np.float64)
        gates = bounded = {"slope": slope}
        if nonlinearity == "relu":
            more["dead"] = int(np.count_nonzero(share(before > 0) == 0))
        more["spectral_radius"] = _spectral_radius(cell.weight_hh)
    keeper = cell.keeper
    with np.errstate(divide="ignore"):  # a gate of exactly 0 forgets in no time
        kept = np.log(gates[keeper]).mean(axis=(0, 1)) if keeper else np.zeros(0)
    return GateStatistics(
        keeper=keeper,
        histograms={name: np.histogram(values, BINS, (0.0, 1.0))[0] / values.size for name, values in bounded.items()},
        means={name: values.mean(axis=(0, 1)) for name, values in gates.items()},
        saturation={name: saturation(np.abs(values)) for name, values in gates.items()},
        time_constants=time_constants(kept),
        nonlinearity=nonlinearity,
        **more,  # type: ignore[arg-type]
    )


def _spectral_radius(weights: Tensor) -> float:
    """The largest size of an eigenvalue; NaN for weights that are not finite."""
    if not bool(weights.isfinite().all()):
        return math.nan
    return float(torch.linalg.eigvals(weights.detach()).abs().max())
