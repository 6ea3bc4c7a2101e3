"""Gates and states of one unit over time."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest

from rnn_explorer.figures.cell.over_time import over_time
from tests.analysis.factories import CELLS, ask, made


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("unit", [None, 2])
def test_each_gate_and_state_is_a_line_of_its_wire(cell: str, unit: int | None) -> None:
    report = ask(made(cell), unit=unit)
    figure = over_time(report)
    wires = {"hidden": "h", "cell": "c"}
    found = {trace["name"].replace("-", "_"): trace for trace in figure.data}
    assert set(found) == {*report.gate_names, *report.state_names}
    for name, trace in found.items():
        np.testing.assert_allclose(trace["y"], report.wires[wires.get(name, name)], rtol=1e-6)
        assert list(trace["x"]) == list(range(1, report.length + 1)) and trace["y"].dtype == np.float32
        above = name in report.bounded or not report.bounded
        assert trace["yaxis"] == ("y" if above else "y2"), "gates and signed values have axes of their own"
    assert figure.title.startswith("Unit 2 over time" if unit else "Mean over 5 units over time")
    assert len(figure.marks) == (2 if report.bounded else 1)
    rows = list(csv.DictReader(io.StringIO(figure.to_csv())))
    assert len(rows) == report.length and set(rows[0]) == {"step", *report.gate_names, *report.state_names}


def test_what_explodes_keeps_its_axes() -> None:
    report = ask(made("lstm"), unit=0)
    wires = {**report.wires, "c": np.full(report.length, np.inf), "h": np.full(report.length, np.nan)}
    figure = over_time(dataclasses.replace(report, wires=wires))
    assert np.isfinite([axis["range"] for name, axis in figure.layout.items() if "axis" in name]).all()
    large = over_time(dataclasses.replace(report, wires={**report.wires, "c": np.full(report.length, 1e300)}))
    assert len(large.data) == 6
