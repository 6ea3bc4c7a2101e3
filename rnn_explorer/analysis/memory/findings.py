"""What the numbers of a memory report mean, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import MEMORY, CellMemory, last_above
from rnn_explorer.analysis.memory.record import Finding, InputSaliency, Severity
from rnn_explorer.analysis.saturation import HIGH, LOW
from rnn_explorer.readable import number

LOST = 1e-6  # below this nothing can be learned: single precision resolves no better beside other gradients
GROWTH = 100.0  # a norm above this at the largest lag is an explosion
OPEN_SHARE = 0.5  # of a keeping gate's values above `HIGH`, from which the gate counts as open
SHUT_SHARE = 0.5  # of its values below `LOW`, from which it counts as shut
FORGETS = 3.0  # steps; a median time constant up to this is a short one
SATURATED_SHARE = 0.25  # of the units with a mean slope below `LOW`
DEAD_SHARE = 0.05  # of the relu units that never switch on
RADIUS = 1.05  # a spectral radius of the recurrent weights above this would soon make states grow if slopes were 1


def findings(
    cells: Sequence[CellMemory], saliency: InputSaliency, per_step: bool = False, answered: bool = False
) -> tuple[Finding, ...]:
    """What the numbers say, each by a rule with a threshold at the top of this module.

    No two of them contradict each other or how well the model does: a gradient either explodes, vanishes, fades or
    stays; gates are spoken of where they explain the gradient, which is what counts; and nothing that is learned
    already is called a hindrance.

    Args:
        cells: what was measured of each layer and direction.
        saliency: of the inputs.
        per_step: whether the loss has a part at every step, which then reaches that step's state directly.
        answered: whether the model does well on the sequence that was measured.
    """
    found: list[Finding] = []
    for cell in cells:
        if not cell.known:
            found.append(_say(cell, "not_finite", "warning", "states or gradients are not finite numbers."))
            continue
        reach = math.nan if per_step else cell.loss_reach(max(len(cell.loss_gradient) - 1, 0))
        curve = _of_gradient(cell, reach, answered)
        names = {each.name for each in curve}
        found += curve
        found += _of_gates(cell, names, answered)
        found += _of_slope(cell, answered)
        found += [] if "unused" in names else _of_loss(cell, reach)
    return (*found, *_of_inputs(saliency))


def _of_gradient(cell: CellMemory, reach: float, answered: bool) -> list[Finding]:
    """What becomes of the gradient on its way back.

    Args:
        cell: whose.
        reach: of the loss gradient at the first step, relative to the last; NaN where that says nothing.
        answered: whether the model does well.
    """
    lags = len(cell.log10_norm) - 1
    if lags < 1:
        return []
    end = float(cell.log10_norm[-1])
    if end > math.log10(GROWTH):
        text = f"the gradient grows by a factor of {power(end)} over {_steps(lags)}: it explodes."
        return [_say(cell, "exploding", "warning", text)]
    if cell.whole_sequence:
        text = f"the gradient stays at {MEMORY:g} or above over all {_steps(lags)}"
        if reach < MEMORY:
            text += (
                " in its best direction, but this loss hardly uses it: it depends on the first state"
                f" {number(reach, 2)}"
            )
            return [_say(cell, "unused", "fact", f"{text} times as much as on the last one.")]
        return [_say(cell, "remembers", "good", f"{text}: an error at the end reaches t = 1.")]
    memory = cell.effective_memory
    assert memory is not None
    text = f"beyond {_steps(memory)} back the gradient is below {MEMORY:g}: that is its effective memory."
    found = [_say(cell, "fades", "fact", text)]
    kept = last_above(cell.log10_norm, LOST)
    if kept < lags and not reach >= LOST:
        text = f"the gradient falls below {number(LOST, 2)} beyond {_steps(kept)}"
        if answered:
            text += ", though this sequence is answered well: no more is needed, or what is kept rests in an attractor."
        else:
            text += ": no error at the end reaches what came before through this layer."
        found.append(_say(cell, "vanishing", "fact" if answered else "warning", text))
    return found


def _of_gates(cell: CellMemory, curve: set[str], answered: bool) -> list[Finding]:
    """What the keeping gate does to what was found of the gradient; nothing where it does not explain that."""
    gates = cell.gates
    if not gates.keeper or gates.time_constants.size == 0:
        return []
    is_open, is_shut = gates.share_above(gates.keeper), gates.share_below(gates.keeper)
    median = float(np.median(gates.time_constants))
    stays = bool(curve & {"remembers", "unused", "exploding"})
    opened = f"{100 * is_open:.0f} % of the {gates.keeper} gate's values are above {HIGH:g}"
    if stays:
        text = f"{opened}: where it is open, the old state is kept."
        return [_say(cell, "keeps", "good", text)] if is_open > OPEN_SHARE and median > FORGETS else []
    # Falling by 1/e each time constant, a norm of 1 is below `MEMORY` after this many steps.
    explains = not curve or (cell.effective_memory or 0) <= -math.log(MEMORY) * max(median, 1.0)
    forgets = median <= FORGETS and explains
    forgotten = f"half of the units forget within {_steps(max(1, math.ceil(median)))}" if forgets else ""
    found: list[Finding] = []
    if is_open > OPEN_SHARE and forgets:
        found.append(_say(cell, "resets", "fact", f"{opened}, but it shuts so firmly in between that {forgotten}."))
    elif is_open > OPEN_SHARE:
        found.append(_say(cell, "open", "fact", f"{opened}."))
    elif forgets:
        text = f"{forgotten} (the median of their time constants is {number(median, 2)})."
        found.append(_say(cell, "forgets", "fact" if answered else "warning", text))
    if is_shut > SHUT_SHARE and explains:
        text = f"{100 * is_shut:.0f} % of the {gates.keeper} gate's values are below {LOW:g}: there the old state goes."
        found.append(_say(cell, "shut", "fact", text))
    return found


def _of_slope(cell: CellMemory, answered: bool) -> list[Finding]:
    gates, found = cell.gates, []
    if "slope" not in gates.means:
        return []
    slopes = gates.means["slope"]
    units = len(slopes)
    flat = int(np.count_nonzero(slopes < LOW))
    if gates.nonlinearity == "relu" and gates.dead > DEAD_SHARE * units:
        text = f"{gates.dead} of {units} units are off at every time step of these sequences (dead relu)."
        found.append(_say(cell, "dead", "warning", text))
    if gates.nonlinearity == "tanh" and flat > SATURATED_SHARE * units:
        text = f"{flat} of {units} units are saturated: their mean slope is below {LOW:g}."
        found.append(_say(cell, "saturated", "fact" if answered else "warning", text))
    if gates.spectral_radius > RADIUS:
        text = (
            f"the recurrent weights have a spectral radius of {gates.spectral_radius:.3g}: "
            "by themselves they would make states grow."
        )
        found.append(_say(cell, "radius", "fact", text))
    return found


def _of_loss(cell: CellMemory, reach: float) -> list[Finding]:
    back = len(cell.loss_gradient) - 1
    if back < 1 or not math.isfinite(reach):
        return []
    text = f"the loss depends on the state {_steps(back)} back {number(reach, 2)} times as much as on the last one"
    if not cell.whole_sequence and reach > MEMORY:
        text += ", by way of other layers"
    return [_say(cell, "loss_reach", "fact", f"{text}.")]


def _of_inputs(saliency: InputSaliency) -> list[Finding]:
    if not np.isfinite(saliency.norm).all() or saliency.norm.size == 0:
        return []
    step = int(saliency.norm.argmax())
    if saliency.norm[step] <= 0:
        return [Finding("no_input", "warning", f"No input moves the prediction at t = {saliency.time_step}.")]
    return [Finding("saliency", "fact", f"The input at t = {step + 1} moves the prediction most.")]


def _say(cell: CellMemory, name: str, severity: Severity, text: str) -> Finding:
    return Finding(name, severity, f"{where(cell)}: {text}", cell.layer, cell.direction)


def _steps(count: int) -> str:
    return f"{count} time step" if count == 1 else f"{count} time steps"


def where(cell: CellMemory) -> str:
    """ "Layer 1", or "Layer 1, backward"."""
    return f"Layer {cell.layer + 1}" + ("" if cell.direction == "forward" else f", {cell.direction}")


def power(log10: float) -> str:
    """10^log10 in two digits, however large."""
    whole = math.floor(log10)
    return number(10.0**log10, 2) if abs(log10) < 300 else f"{10 ** (log10 - whole):.1f}e{whole}"
