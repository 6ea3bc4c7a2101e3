"""A free run beside its series: every line lies at the steps that it is about."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest

from rnn_explorer.figures.try_it.closed_loop import closed_loop
from rnn_explorer.figures.try_it.samples import closed_loop as loop


@pytest.mark.parametrize("truth", [5, 3, 0])
def test_every_line_lies_at_the_steps_it_is_about(truth: int) -> None:
    found = loop(truth=truth)
    _, series, goes_on, one_step, free, _ = closed_loop(found, "gru").data
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
        == "Counting, free-running forecast after 4 time steps: within 0.5 SD of the series for the first 2 of 5"
    )
    near = dataclasses.replace(loop(), scale=np.ones(1) * 5)
    assert closed_loop(near, "gru").title.endswith("for all 5 of 5")
    assert closed_loop(loop(truth=0), "gru").title == "Counting, free-running forecast after 4 time steps"


def test_times_are_text_and_told_where_they_are_known() -> None:
    _, series, goes_on, one_step, free, _ = closed_loop(loop(truth=3), "lstm").data
    assert series["customdata"][0] == "<br>&lt;i&gt;day 1" and goes_on["customdata"][0] == "<br>&lt;i&gt;day 5"
    assert one_step["customdata"] == [*(f"<br>&lt;i&gt;day {day}" for day in range(2, 8)), ""]
    assert free["customdata"] == [*(f"<br>&lt;i&gt;day {day}" for day in (5, 6, 7)), "", ""]
    assert closed_loop(loop(when=False), "lstm").data[4]["customdata"] == [""] * 5


def test_the_tolerance_is_drawn_around_what_came_and_where_it_was_left() -> None:
    found = loop()
    band, *_ = (figure := closed_loop(found, "gru")).data
    x, y = band["x"], band["y"]
    for step, came in zip(range(5, 10), range(5, 10), strict=True):
        assert sorted(y[x == step].tolist()) == [came - 0.25, came + 0.25], "half a standard deviation of .5"
    assert band["fill"] == "toself" and "0.5 standard deviations" in figure.how_to_read
    # The run is off by .1, .2, .3 ...: the third step, number 7, is the first beyond .25.
    (note,) = figure.layout["annotations"]
    assert note["x"] == 7 == found.read + found.horizon() + 1 and note["text"] == "off by more than 0.5 SD"
    near = closed_loop(dataclasses.replace(found, scale=np.ones(1) * 5), "gru")
    assert near.layout["annotations"] == [] and len(near.layout["shapes"]) == 1


def test_gaps_of_the_series_are_gaps_of_the_band() -> None:
    truth = loop().truth.copy()
    truth[2] = np.nan
    band = closed_loop(dataclasses.replace(loop(), truth=truth), "gru").data[0]
    assert np.isnan(band["x"]).sum() == 2 and 7 not in band["x"].tolist()


@pytest.mark.parametrize("truth", [5, 0])
def test_only_what_is_drawn_is_named(truth: int) -> None:
    figure = closed_loop(loop(truth=truth), "gru")
    assert ("dashed" in figure.how_to_read) is ("SD" in figure.title) is (truth > 0)
    unknown = closed_loop(dataclasses.replace(loop(), truth=np.full((5, 1), np.nan)), "gru")
    assert "dashed" not in unknown.how_to_read and not unknown.data[0]["x"].size and not unknown.data[0]["showlegend"]


def test_a_run_that_leaves_the_plot_is_marked_and_said() -> None:
    calm = loop()
    low, high = closed_loop(calm, "rnn").layout["yaxis"]["range"]
    assert low < 1 and 9 < high < 15 and not closed_loop(calm, "rnn").data[5]["x"].size
    wild = dataclasses.replace(calm, free=np.array([[5.0], [1e3], [1e9], [6.0], [-1e4]]))
    figure = closed_loop(wild, "rnn")
    low, high = figure.layout["yaxis"]["range"]
    assert 16 < high < 20 and low == pytest.approx(1 - 8), "as much room again as the series takes, and no more"
    marks = figure.data[5]
    assert marks["x"].tolist() == [6, 9] and marks["y"].tolist() == [high, low]
    assert marks["marker"]["symbol"] == ["triangle-up", "triangle-down"]
    assert figure.how_to_read.endswith("it leaves the plot at time step 6 (up to 1e+09 in size).")
    lost = closed_loop(dataclasses.replace(calm, free=np.array([[5.0], [6.0], [np.inf], [-np.inf], [np.nan]])), "rnn")
    assert np.isfinite(lost.data[4]["y"]).tolist() == [True, True, False, False, False]
    assert lost.data[5]["x"].tolist() == [7] and "at time step 7 (beyond all numbers)" in lost.how_to_read


def test_the_table_has_a_row_a_step() -> None:
    figure = closed_loop(loop(truth=3, values=2), "rnn", value=1)
    assert figure.layout["yaxis"]["title"]["text"] == "value 1" and figure.data[1]["y"][0] == 101
    rows = list(csv.DictReader(io.StringIO(figure.to_csv())))
    assert len(rows) == 9 and [row["read"] for row in rows] == ["True"] * 4 + ["False"] * 5
    assert [row["value 0"] for row in rows] == [*map(str, np.arange(1.0, 8)), "", ""]
    assert float(rows[1]["one-step forecast of value 1"]) == pytest.approx(102.1)
    assert rows[0]["one-step forecast of value 1"] == rows[3]["free-running forecast of value 0"] == ""
    assert float(rows[4]["free-running forecast of value 0"]) == pytest.approx(5.1)


def test_a_value_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="values 0 to 0"):
        closed_loop(loop(), "rnn", value=1)
