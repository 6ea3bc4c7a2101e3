"""A free run beside its series: every line lies at the steps that it is about."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest

from rnn_explorer.analysis.generate_report import ClosedLoop
from rnn_explorer.figures.closed_loop import closed_loop


def loop(read: int = 4, truth: int = 5, steps: int = 5, values: int = 1, when: bool = True) -> ClosedLoop:
    """A series 1, 2, 3, ...; one-step forecasts are off by .1, the free run by a tenth more at each step."""

    def rows(first: float, count: int) -> np.ndarray:
        return np.arange(first, first + count)[:, None] + 100.0 * np.arange(values)

    free = rows(read + 1, steps) + 0.1 * np.arange(1, steps + 1)[:, None]
    return ClosedLoop(
        3, "Counting", tuple(f"value {number}" for number in range(values)), rows(1, read), rows(read + 1, truth),
        rows(2, read + truth) + 0.1, free, np.full(values, 0.5),
        tuple(f"<i>day {step}" for step in range(1, read + truth + 1)) if when else (),
    )  # fmt: skip


@pytest.mark.parametrize("truth", [5, 3, 0])
def test_every_line_lies_at_the_steps_it_is_about(truth: int) -> None:
    found = loop(truth=truth)
    series, goes_on, one_step, free = closed_loop(found, "gru").data
    np.testing.assert_allclose(series["y"], series["x"])
    np.testing.assert_allclose(goes_on["y"], goes_on["x"])
    assert series["x"].tolist() == [1, 2, 3, 4] and goes_on["x"].tolist() == [5, 6, 7, 8, 9][:truth]
    np.testing.assert_allclose(one_step["y"], one_step["x"] + 0.1, rtol=1e-6)
    assert one_step["x"].tolist() == list(range(2, 2 + 4 + truth)), "the last is a step ahead of all that is known"
    assert free["x"].tolist() == [5, 6, 7, 8, 9]
    np.testing.assert_allclose(free["y"] - free["x"], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-4)


def test_the_title_says_how_long_it_follows() -> None:
    assert (
        closed_loop(loop(), "gru").title
        == "Counting, left to itself after 4 steps: it follows the series for the first 2 of 5"
    )
    near = dataclasses.replace(loop(), scale=np.ones(1) * 5)
    assert closed_loop(near, "gru").title.endswith("for all 5 of 5")
    assert closed_loop(loop(truth=0), "gru").title == "Counting, left to itself after 4 steps"


def test_times_are_text_and_told_where_they_are_known() -> None:
    series, goes_on, one_step, free = closed_loop(loop(truth=3), "lstm").data
    assert series["customdata"][0] == "<br>&lt;i&gt;day 1" and goes_on["customdata"][0] == "<br>&lt;i&gt;day 5"
    assert one_step["customdata"] == [*(f"<br>&lt;i&gt;day {day}" for day in range(2, 8)), ""]
    assert free["customdata"] == [*(f"<br>&lt;i&gt;day {day}" for day in (5, 6, 7)), "", ""]
    assert closed_loop(loop(when=False), "lstm").data[3]["customdata"] == [""] * 5


def test_a_run_beyond_all_bounds_leaves_the_panel_and_not_the_range() -> None:
    calm = loop()
    wild = dataclasses.replace(calm, free=np.array([[5.0], [1e9], [np.inf], [-np.inf], [np.nan]]))
    one, other = closed_loop(calm, "rnn"), closed_loop(wild, "rnn")
    assert one.layout == other.layout
    assert np.isfinite(other.data[3]["y"]).tolist() == [True, True, False, False, False]
    low, high = one.layout["yaxis"]["range"]
    assert low < 1 and 9 < high < 15


def test_the_table_has_a_row_a_step() -> None:
    figure = closed_loop(loop(truth=3, values=2), "rnn", value=1)
    assert figure.layout["yaxis"]["title"]["text"] == "value 1" and figure.data[0]["y"][0] == 101
    rows = list(csv.DictReader(io.StringIO(figure.to_csv())))
    assert len(rows) == 9 and [row["read"] for row in rows] == ["True"] * 4 + ["False"] * 5
    assert [row["value 0"] for row in rows] == [*map(str, np.arange(1.0, 8)), "", ""]
    assert float(rows[1]["one-step forecast of value 1"]) == pytest.approx(102.1)
    assert rows[0]["one-step forecast of value 1"] == rows[3]["free run of value 0"] == ""
    assert float(rows[4]["free run of value 0"]) == pytest.approx(5.1)


def test_nothing_yet_and_on_both_themes() -> None:
    empty = closed_loop(None, "rnn")
    assert (
        all(len(trace["x"]) == len(trace["y"]) == 0 for trace in empty.data) and empty.layout["xaxis"]["title"]["text"]
    )
    for theme in ("light", "dark"):
        for figure in (empty, closed_loop(loop(), "rnn")):
            assert figure.to_plotly(theme).layout.title.text  # type: ignore[arg-type]
            assert figure.how_to_read.endswith(".") and "\n" not in figure.how_to_read
    with pytest.raises(ValueError, match="values 0 to 0"):
        closed_loop(loop(), "rnn", value=1)
