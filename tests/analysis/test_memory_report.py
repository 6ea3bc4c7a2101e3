"""What the numbers of a memory report say: fits, thresholds and sentences, each on both sides of its threshold."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.analysis.memory import cell_memory
from rnn_explorer.analysis.memory import findings as thresholds
from rnn_explorer.analysis.memory.cell_memory import CellMemory, Decay, GateStatistics, fit_decay, time_constants
from rnn_explorer.analysis.memory.findings import findings, power
from rnn_explorer.analysis.memory.record import Finding, InputSaliency, MemoryReport
from rnn_explorer.analysis.saturation import Saturation

NO_GATES = GateStatistics("", {}, {}, {}, np.zeros(0))
NO_INPUTS = InputSaliency(0, "sum", 1, 0.0, False, np.zeros(0), ())


def gated(above: float = 0.0, below: float = 0.0, constants: Any = (20.0,), keeper: str = "forget") -> GateStatistics:
    ends = Saturation(np.array([below]), np.array([above]))
    return GateStatistics(keeper, {}, {keeper: np.array([0.5])}, {keeper: ends}, np.array(constants, dtype=float))


def sloped(slopes: Any, nonlinearity: str = "tanh", dead: int = 0, radius: float = 1.0) -> GateStatistics:
    slopes = np.array(slopes, dtype=float)
    ends = Saturation(np.zeros_like(slopes), np.zeros_like(slopes))
    return GateStatistics(
        "", {"slope": np.zeros(20)}, {"slope": slopes}, {"slope": ends}, np.zeros(0), nonlinearity, dead, radius
    )


def cell(log10_norm: Any = (0.0,), loss: Any = None, gates: GateStatistics = NO_GATES, **more: Any) -> CellMemory:
    curve = np.array(log10_norm, dtype=float)
    loss_gradient = np.zeros(len(curve)) if loss is None else np.array(loss, dtype=float)
    return dataclasses.replace(CellMemory("lstm", 0, "forward", curve, loss_gradient, fit_decay(curve), gates), **more)


def said(*cells: CellMemory, saliency: InputSaliency = NO_INPUTS, **about: bool) -> dict[str, Finding]:
    found = findings(cells, saliency, **about)
    assert len({(each.name, each.layer, each.direction) for each in found}) == len(found)
    assert all(each.text.endswith(".") and each.text[0].isupper() for each in found)
    return {each.name: each for each in found}


def line(rho: float, lags: int) -> np.ndarray:
    return np.arange(lags) * math.log10(rho)


def test_a_cell_with_gates_and_a_nonlinearity_has_words_for_its_gates_alone() -> None:
    for nonlinearity in ("tanh", "relu"):
        names = set(said(cell(line(0.9, 40), gates=dataclasses.replace(gated(0.9), nonlinearity=nonlinearity))))
        assert "keeps" in names and not names & {"dead", "saturated", "radius"}


# -- numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho, amplitude", [(0.9, 1.0), (0.5, 30.0), (1.0, 1.0), (1.3, 0.2), (1e-5, 1.0)])
def test_an_exponential_is_found_again(rho: float, amplitude: float) -> None:
    curve = math.log10(amplitude) + line(rho, 40)
    decay = fit_decay(curve)
    assert decay.rho == pytest.approx(rho, rel=1e-9)
    assert 10.0**decay.log10_amplitude == pytest.approx(amplitude, rel=1e-9)
    assert decay.time_constant == (pytest.approx(-1 / math.log(rho), rel=1e-6) if rho < 1 else math.inf)
    np.testing.assert_allclose(decay.log10(np.arange(40)), curve, atol=1e-9)


def test_the_fit_is_by_least_squares() -> None:
    lags = np.arange(20)
    curve = line(0.8, 20) + np.random.default_rng(0).normal(size=20)
    slope, height = np.polyfit(lags, curve, 1)
    decay = fit_decay(curve)
    assert decay.rho == pytest.approx(10.0**slope) and decay.log10_amplitude == pytest.approx(height)


@pytest.mark.parametrize("nothing", [-math.inf, math.nan])
def test_zeros_are_left_out_of_the_fit(nothing: float) -> None:
    curve = line(0.7, 30)
    curve[[5, 20, 29]] = nothing
    assert fit_decay(curve).rho == pytest.approx(0.7)


def test_one_point_is_no_line() -> None:
    for curve in ([0.0], [0.0, -math.inf], []):
        decay = fit_decay(np.array(curve))
        assert math.isnan(decay.rho) and math.isnan(decay.time_constant) and math.isnan(decay.log10_amplitude)
        assert np.isnan(decay.log10(np.arange(3))).all()


def test_time_constants() -> None:
    gates = np.log(np.array([0.5, 0.9, 0.99, 1.0]))
    np.testing.assert_allclose(
        time_constants(gates), [1 / math.log(2), -1 / math.log(0.9), -1 / math.log(0.99), np.inf]
    )
    assert time_constants(np.array([-np.inf])).tolist() == [0.0]
    assert np.isnan(time_constants(np.array([np.nan]))).all() and time_constants(np.array([0.2])).tolist() == [np.inf]
    assert Decay(0.0, math.log10(0.5)).time_constant == pytest.approx(1 / math.log(2))


def test_the_effective_memory_is_the_last_lag_before_the_first_fall() -> None:
    curve = [0.0, -1.0, -1.99, -2.01, -0.5, -3.0]  # it comes back later, which does not count
    assert (cell(curve).effective_memory, cell(curve).whole_sequence) == (2, False)
    assert (cell([0.0, -2.0, -2.0]).effective_memory, cell([0.0, -2.0, -2.0]).whole_sequence) == (2, True)  # at it
    assert (cell([0.0, -np.inf]).effective_memory, cell([0.0, -np.inf]).whole_sequence) == (0, False)
    assert cell([0.0, np.nan]).effective_memory is None and not cell([0.0, np.nan]).whole_sequence
    assert (cell([0.0]).effective_memory, cell([0.0]).whole_sequence) == (0, True)


def test_how_far_back_the_loss_reaches() -> None:
    forward = cell([0, 0, 0], loss=[1.0, 2.0, 8.0])
    assert [forward.loss_reach(back) for back in range(3)] == [1.0, 0.25, 0.125]
    backward = cell([0, 0, 0], loss=[1.0, 2.0, 8.0], direction="backward")
    assert [backward.loss_reach(back) for back in range(3)] == [1.0, 2.0, 8.0]
    assert math.isnan(cell([0, 0], loss=[1.0, 0.0]).loss_reach(1))
    with pytest.raises(ValueError, match="back is 3, but must be 0 to 2"):
        forward.loss_reach(3)


def test_powers() -> None:
    assert (power(2.0), power(5.5), power(400.3)) == ("100", "3.2e5", "2.0e400")


# -- words: both sides of each threshold ------------------------------------------------------------------------


def test_vanishing() -> None:
    lost = math.log10(thresholds.LOST)
    curve = [0.0, -1.0, -2.5, lost, lost - 0.01, lost - 1]
    found = said(cell(curve, layer=1))["vanishing"]
    assert (
        found.text
        == "Layer 2: the gradient falls below 1e-6 beyond 3 time steps: no error at the end reaches what came "
        "before through this layer."
    )
    assert (found.severity, found.layer, found.direction) == ("warning", 1, "forward")
    assert "vanishing" not in said(cell(curve[:4]))
    learned = said(cell(curve), answered=True)["vanishing"]
    assert learned.severity == "fact" and "though this sequence is answered well" in learned.text
    other = said(cell(curve, loss=[0.2, 0, 0, 0, 0, 1.0]))
    assert "vanishing" not in other and "0.2 times as much as on the last one, by way of other layers" in (
        other["loss_reach"].text
    )
    one = said(cell([0.0, -2.5, -np.inf], direction="backward"))["vanishing"]
    assert one.text.startswith("Layer 1, backward: the gradient falls below 1e-6 beyond 1 time step: ")


def test_exploding() -> None:
    end = math.log10(thresholds.GROWTH)
    found = said(cell([0.0, 1.0, end + 0.5]))
    assert found["exploding"].text == "Layer 1: the gradient grows by a factor of 316 over 2 time steps: it explodes."
    assert found["exploding"].severity == "warning" and "remembers" not in found
    assert "exploding" not in said(cell([0.0, 1.0, end]))
    assert "a factor of 1.0e400 over" in said(cell([0.0, 400.0]))["exploding"].text


def test_remembering_and_fading() -> None:
    level = math.log10(cell_memory.MEMORY)
    found = said(cell([0.0, -1.0, level]))
    assert found["remembers"].severity == "good" and "fades" not in found
    assert "stays at 0.01 or above over all 2 time steps" in found["remembers"].text
    found = said(cell([0.0, -1.0, level - 0.001]))
    assert found["fades"].severity == "fact" and "remembers" not in found
    assert "beyond 1 time step back the gradient is below 0.01" in found["fades"].text
    assert said(cell([0.0])) == {}  # one step has no past


def test_an_open_gate() -> None:
    open_ = gated(above=0.944)
    found = said(cell([0.0, -0.1], gates=open_))
    assert found["keeps"].text == (
        "Layer 1: 94 % of the forget gate's values are above 0.9: where it is open, the old state is kept."
    )
    assert found["keeps"].severity == "good"
    assert "keeps" not in said(cell([0.0, -0.1], gates=gated(above=thresholds.OPEN_SHARE)))
    lost = said(cell([0.0, -9.0], gates=open_))  # the gradient says otherwise, so nothing is concluded
    assert "keeps" not in lost and lost["open"].text == "Layer 1: 94 % of the forget gate's values are above 0.9."
    faded = said(cell([0.0, -3.0, -3.0], gates=open_))
    assert "keeps" not in faded and "open" in faded, "nor where it fades"
    assert "update gate" in said(cell([0.0, -0.1], gates=gated(above=0.6, keeper="update")))["keeps"].text


def test_a_shut_gate() -> None:
    found = said(cell(gates=gated(below=0.61)))["shut"]
    assert found.text == "Layer 1: 61 % of the forget gate's values are below 0.1: there the old state goes."
    assert "shut" not in said(cell(gates=gated(below=thresholds.SHUT_SHARE)))


def test_short_time_constants() -> None:
    found = said(cell(gates=gated(constants=[0.5, 2.1, 40.0])))["forgets"]
    assert (
        found.text
        == "Layer 1: half of the units forget within 3 time steps (the median of their time constants is 2.1)."
    )
    assert found.severity == "warning"
    flat = said(cell(line(1.0, 50), gates=gated(constants=[0.2], below=0.9)))
    assert set(flat) == {"remembers"}, "beside a flat gradient gates that would forget explain nothing"
    assert said(cell([0.0, -2.1], gates=gated(constants=[2.1])))["forgets"].severity == "warning"
    assert said(cell([0.0, -2.1], gates=gated(constants=[2.1])), answered=True)["forgets"].severity == "fact"
    slow = [0.0] * 30 + [-3.0]
    assert not {"forgets", "shut"} & set(said(cell(slow, gates=gated(constants=[2.1], below=0.9)))), (
        "nor beside 29 steps"
    )
    assert "forgets" in said(cell([0.0] * 9 + [-3.0], gates=gated(constants=[2.1])))
    assert "within 1 time step (" in said(cell(gates=gated(constants=[0.2])))["forgets"].text
    assert "forgets" in said(cell(gates=gated(constants=[thresholds.FORGETS])))
    assert "forgets" not in said(cell(gates=gated(constants=[thresholds.FORGETS + 0.01])))
    both = said(cell(gates=gated(above=0.9, constants=[2.0])))
    assert set(both) == {"resets"} and "but it shuts so firmly" in both["resets"].text


def test_saturated_units() -> None:
    slopes = [0.05] * 3 + [0.5] * 7
    found = said(cell(gates=sloped(slopes)))["saturated"]
    assert found.text == "Layer 1: 3 of 10 units are saturated: their mean slope is below 0.1."
    at = [0.05] * 2 + [0.5] * 6  # exactly a quarter
    assert "saturated" not in said(cell(gates=sloped(at)))
    assert "saturated" not in said(cell(gates=sloped(slopes, "relu")))


def test_dead_units() -> None:
    found = said(cell(gates=sloped(np.ones(128), "relu", 31)))["dead"]
    assert (
        found.text == "Layer 1: 31 of 128 units are off at every time step of these sequences (dead relu)."
        and found.severity == "warning"
    )
    assert "dead" not in said(cell(gates=sloped(np.ones(100), "relu", 5)))
    assert "dead" in said(cell(gates=sloped(np.ones(100), "relu", 6)))


def test_the_spectral_radius() -> None:
    found = said(cell(gates=sloped(np.ones(4), radius=1.3)))["radius"]
    assert found.text.startswith("Layer 1: the recurrent weights have a spectral radius of 1.3: ")
    assert "radius" not in said(cell(gates=sloped(np.ones(4), radius=thresholds.RADIUS)))


def test_what_the_loss_depends_on() -> None:
    loss = [3.2e-5] + [0.5] * 47 + [1.0]
    found = said(cell(np.zeros(49), loss=loss))
    assert set(found) == {"unused"} and found["unused"].severity == "fact"
    assert found["unused"].text.endswith("it depends on the first state 3.2e-5 times as much as on the last one.")
    found = said(cell(np.zeros(49), loss=[0.5, *loss[1:]]))
    assert found["loss_reach"].text == (
        "Layer 1: the loss depends on the state 48 time steps back 0.5 times as much as on the last one."
    )
    assert set(said(cell(np.zeros(49), loss=loss), per_step=True)) == {"remembers"}, "each step has a loss of its own"
    assert "loss_reach" not in said(cell(np.zeros(2), loss=[1.0, 0.0]))


def test_which_input_matters() -> None:
    found = said(saliency=dataclasses.replace(NO_INPUTS, norm=np.array([0.1, 0.0, 3.0, 2.0])))
    assert found["saliency"].text == "The input at t = 3 moves the prediction most." and found["saliency"].layer is None
    none = said(saliency=dataclasses.replace(NO_INPUTS, norm=np.zeros(3), time_step=3))
    assert none["no_input"].text == "No input moves the prediction at t = 3." and none["no_input"].severity == "warning"
    assert said(saliency=dataclasses.replace(NO_INPUTS, norm=np.array([np.nan, 1.0]))) == {}


def test_what_is_not_finite() -> None:
    found = said(cell([0.0, np.nan, np.nan], loss=[1, 1, 1], gates=gated(above=1.0)))
    assert set(found) == {"not_finite"} and found["not_finite"].severity == "warning"


CURVES = st.lists(st.floats(-30, 30) | st.just(-math.inf), min_size=1, max_size=12).map(lambda rest: [0.0, *rest])
SHARES = st.floats(0, 1)
CONSTANTS = st.lists(st.floats(0, 1e4) | st.just(math.inf), min_size=1, max_size=5)
GATES = st.builds(lambda share, rest, c: gated(share, rest * (1 - share), c), SHARES, SHARES, CONSTANTS)


REACHES = st.floats(0, 100) | st.sampled_from([1e-9, 1e-5, 0.0])


@given(curve=CURVES, gates=GATES, reach=REACHES, per_step=st.booleans(), answered=st.booleans())
def test_no_two_findings_contradict_each_other(
    curve: list[float], gates: GateStatistics, reach: float, per_step: bool, answered: bool
) -> None:
    loss = [reach] + [1.0] * (len(curve) - 1)
    about = said(cell(curve, loss=loss, gates=gates), per_step=per_step, answered=answered)
    found = set(about)
    assert len(found & {"exploding", "remembers", "fades", "unused"}) == 1
    assert "vanishing" not in found or "fades" in found
    assert len(found & {"keeps", "open", "resets", "forgets"}) <= 1
    assert not {"keeps", "shut"} <= found and not {"open", "shut"} <= found
    stays = bool(found & {"exploding", "remembers", "unused"})
    assert not (stays and found & {"forgets", "resets", "shut"}), "gates that forget beside a gradient that does not"
    assert stays or "keeps" not in found, "gates that keep beside a gradient that fades"
    assert not ("remembers" in found and not per_step and reach < cell_memory.MEMORY)
    assert not ("vanishing" in found and not per_step and reach >= thresholds.LOST)
    assert "loss_reach" not in found or not per_step
    hindrances = {each.name for each in about.values() if each.severity == "warning"}
    assert not answered or hindrances <= {"exploding"}, "what is learned is not hindered"


def test_a_report_is_plain_values() -> None:
    one = cell([0.0, -np.inf], loss=[0.5, 1.0], gates=gated(0.2, 0.1, [np.inf, 4.0]))
    saliency = InputSaliency(1, "b", 2, math.nan, True, np.array([0.0, 4.0]), ("x", "y"))
    report = MemoryReport(7, 3, 2, math.nan, (one,), saliency, findings([one], saliency))
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (told["step"], told["sequence"], told["loss"], told["threshold"]) == (7, 3, None, 0.01)
    first = told["cells"][0]
    assert first["log10_norm"] == [0.0, None] and first["effective_memory"] == 0 and first["loss_reach"] == 0.5
    assert first["rho"] is None and first["time_constant"] is None
    assert first["gates"]["time_constants"] == [None, 4.0]
    assert first["gates"]["gates"]["forget"]["share_above"] == pytest.approx(0.2)
    assert told["saliency"]["relative"] == [0.0, 1.0] and told["saliency"]["symbols"] == ["x", "y"]
    assert {
        "name": "saliency",
        "severity": "fact",
        "text": "The input at t = 2 moves the prediction most.",
        "layer": None,
    } in told["findings"]
