from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.trace import History, LayerTrace, Trace


def fill(history: History, count: int, value=lambda row: float(row)) -> None:
    for row in range(count):
        history.append(row, loss=value(row))


@given(st.integers(0, 3000), st.integers(16, 80))
def test_a_history_is_bounded_and_keeps_its_ends(count, capacity):
    history = History(("loss",), capacity)
    fill(history, count)
    table = history.arrays()
    assert len(table["step"]) == len(table["loss"]) <= capacity
    assert len(history) <= capacity
    if count:
        assert table["step"][0] == 0 and table["step"][-1] == count - 1
        assert history.last() == {"step": count - 1, "loss": count - 1}
        assert (np.diff(table["step"]) > 0).all()
        np.testing.assert_array_equal(table["loss"], table["step"])
    if count < capacity:
        assert len(table["step"]) == count
    elif count:
        gaps = np.diff(table["step"][:-1])  # the newest row need not be at the stride
        assert len(set(gaps)) == 1 and len(table["step"]) >= capacity // 2


@given(st.lists(st.floats(allow_nan=True), max_size=300))
def test_thinning_does_not_depend_on_the_values(values):
    history, plain = History(("loss",), 16), History(("loss",), 16)
    fill(history, len(values), lambda row: values[row])
    fill(plain, len(values))
    table = history.arrays()
    np.testing.assert_array_equal(table["step"], plain.arrays()["step"])
    np.testing.assert_array_equal(table["loss"], np.array([values[step] for step in table["step"]]))


def test_rows_hold_their_columns_together():
    history = History(("loss", "metric"))
    history.append(0, metric=2, loss=1)
    history.append(0, loss=3, metric=4)  # the same step again is allowed: the opening and the first report
    table = history.arrays()
    assert table["loss"].tolist() == [1, 3] and table["metric"].tolist() == [2, 4]
    assert table["step"].dtype == np.int64 and table["loss"].dtype == np.float64


def test_a_history_refuses_what_it_cannot_hold():
    history = History(("loss",))
    history.append(5, loss=1)
    with pytest.raises(ValueError, match="step 4 comes before step 5"):
        history.append(4, loss=1)
    with pytest.raises(ValueError, match="missing columns: loss"):
        history.append(6)
    with pytest.raises(ValueError, match="at least 16"):
        History(("loss",), capacity=15)


def test_an_empty_history():
    history = History(("loss",))
    assert history.last() is None and len(history) == 0
    assert {name: len(values) for name, values in history.arrays().items()} == {"step": 0, "loss": 0}


def test_layers_are_found_by_number_and_direction():
    def entry(number: int, direction: str) -> LayerTrace:
        states = {"hidden": np.zeros((2, 3, 5))}
        return LayerTrace("rnn", number, direction, {}, states, frozenset(), "tanh")  # type: ignore[arg-type]

    layers = (entry(0, "forward"), entry(0, "backward"), entry(1, "forward"))
    trace = Trace(np.zeros((2, 3, 1)), np.zeros(2), np.array([3, 3]), np.zeros((2, 3, 1)), layers)
    assert trace.layer(0, "backward") is layers[1] and trace.layer(1) is layers[2]
    assert layers[0].hidden_size == 5
    with pytest.raises(KeyError):
        trace.layer(1, "backward")


def test_a_history_until_a_step_goes_its_own_way():
    history = History(("loss",), capacity=16)
    for step in range(1, 101):
        history.append(step, loss=float(step))
    early = history.until(40)
    rows = early.arrays()
    assert rows["step"][-1] <= 40 and rows["step"][0] == 1
    assert rows["step"].tolist() == rows["loss"].tolist()
    early.append(41, loss=41.0)
    assert early.last() == {"step": 41, "loss": 41.0}
    assert history.last() == {"step": 100, "loss": 100.0}
    assert history.until(100).arrays()["step"].tolist() == history.arrays()["step"].tolist()
    assert history.until(0).last() is None
    assert len(history.until(0)) == 0
