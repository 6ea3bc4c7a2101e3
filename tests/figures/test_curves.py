from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.curves import MOST_POINTS, curves, decimate, smoothed
from rnn_explorer.figures.samples import curve
from rnn_explorer.training import Trainer


def draw(train: dict, validation: dict, **more):  # type: ignore[type-arg]
    more = {"baseline_loss": 0.5, "baseline_metric": 0.25, "metric_name": "accuracy", **more}
    return curves(train, validation, baseline_how="the mean", cell="rnn", **more)


def traces(figure, name: str):  # type: ignore[no-untyped-def]
    return [trace for trace in figure.data if trace["name"] == name]


@pytest.mark.parametrize("count", [0, 1, 2, 399, 400, 401, 799, 2000, 100_001])
def test_decimation_keeps_the_first_and_the_newest_row(count: int) -> None:
    index = decimate(count)
    assert len(index) <= MOST_POINTS
    assert len(index) == count if count < MOST_POINTS else len(index) > MOST_POINTS / 3
    if count:
        assert index[0] == 0 and index[-1] == count - 1
        assert np.all(np.diff(index) > 0)


def test_decimation_is_stable_while_rows_come_in() -> None:
    before, after = decimate(5000), decimate(5003)
    np.testing.assert_array_equal(before[:-1], after[: len(before) - 1])


def test_the_drawn_values_are_the_data() -> None:
    train, validation = curve(1000), curve(90)
    figure = draw(train, validation)
    index = decimate(1000)
    raw_loss, raw_metric = traces(figure, "train, each report")
    np.testing.assert_array_equal(raw_loss["x"], train["step"][index])
    np.testing.assert_allclose(raw_loss["y"], train["loss"][index], rtol=1e-6)
    np.testing.assert_allclose(raw_metric["y"], train["metric"][index], rtol=1e-6)
    held_loss, held_metric = traces(figure, "validation")
    np.testing.assert_array_equal(held_loss["x"], validation["step"])
    np.testing.assert_allclose(held_metric["y"], validation["metric"], rtol=1e-6)


def test_the_table_holds_every_row() -> None:
    rows = list(csv.DictReader(io.StringIO(draw(curve(1000), curve(90), test={"loss": 0.1, "metric": 0.9}).to_csv())))
    assert [row["data"] for row in rows].count("train") == 1000
    assert [row["data"] for row in rows].count("validation") == 90
    assert [row["data"] for row in rows][-2:] == ["baseline", "test"]
    assert float(rows[-1]["accuracy"]) == 0.9


def test_smoothing_of_a_constant_is_that_constant_and_it_never_looks_ahead() -> None:
    np.testing.assert_allclose(smoothed(np.full(50, 3.0)), 3.0)
    step = np.concatenate([np.zeros(40), np.ones(40)])
    mean = smoothed(step)
    assert np.all(mean[:40] == 0) and np.all(np.diff(mean[40:76]) > 0)
    assert mean[39 + 6] == pytest.approx(0.5, abs=0.02)  # the half-life is six rows


def test_smoothing_leaves_gaps_out() -> None:
    values = np.full(20, 2.0)
    values[7] = np.nan
    mean = smoothed(values)
    assert np.isnan(mean[7])
    np.testing.assert_allclose(np.delete(mean, 7), 2.0)


def test_what_is_not_finite_makes_a_gap_and_finite_axes() -> None:
    train = curve(50)
    train["loss"] = train["loss"].copy()
    train["loss"][-3:] = [np.inf, -np.inf, np.nan]
    figure = draw(train, curve(5))
    assert np.isnan(traces(figure, "train, each report")[0]["y"][-3:]).all()
    assert np.isfinite(figure.layout["yaxis"]["range"]).all()


def test_one_step_that_blew_up_does_not_flatten_the_rest() -> None:
    train = curve(300)
    train["loss"] = train["loss"].copy()
    train["loss"][150] = 1e6
    assert draw(train, curve(30)).layout["yaxis"]["range"][1] < 100


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("metric", ["MSE", "accuracy"])
@pytest.mark.parametrize("first", [0.9, 30.0, 1e4])
@pytest.mark.parametrize("rows", [0, 1, 40, 3000])
def test_what_the_untrained_model_began_with_is_within_the_axes(
    log: bool, metric: str, first: float, rows: int
) -> None:
    """`task=forecast` begins at more than 20 times its baseline."""
    train, opening = curve(rows), {"step": np.array([0]), "loss": np.array([first]), "metric": np.array([first])}
    if rows:
        train = {name: values.copy() for name, values in train.items()}
        train["loss"][0] = train["metric"][0] = first
    figure = draw(train, opening, log=log, metric_name=metric, baseline_loss=0.012, baseline_metric=0.012)
    low, high = figure.layout["yaxis"]["range"]
    assert low <= (np.log10(first) if log else first) <= high
    if metric == "MSE":
        without = draw(train, opening, log=log, metric_name=metric, baseline_loss=None, baseline_metric=None)
        low, high = without.layout["yaxis2"]["range"]
        assert low <= (first if log else np.log10(first)) <= high


def test_the_first_point_of_a_forecast_is_within_the_axes() -> None:
    trainer = Trainer(Experiment.from_query("task=forecast"))
    report, baseline = trainer.opening(), trainer.task.baseline()
    opening = {"step": np.array([0]), "loss": np.array([report.val_loss]), "metric": np.array([report.val_metric])}
    more = {"baseline_loss": baseline.loss, "baseline_metric": baseline.metric, "metric_name": "MSE"}
    low, high = draw(curve(0), opening, **more).layout["yaxis"]["range"]
    assert low <= report.val_loss <= high


def test_a_loss_that_falls_by_many_decades_stays_within_a_logarithmic_axis() -> None:
    falling = {"step": np.arange(90), "loss": 10.0 ** -(np.arange(90) / 10), "metric": np.full(90, 0.5)}
    low, high = draw(falling, falling, log=True).layout["yaxis"]["range"]
    assert low <= np.log10(falling["loss"][-1]) and high >= 0


def test_the_ends_of_the_axes_move_in_jumps() -> None:
    ends = {draw(curve(rows), curve(rows // 10)).layout["xaxis"]["range"][1] for rows in range(100, 400)}
    assert len(ends) <= 7
    assert all(end >= 300 for end in ends)


def test_accuracy_runs_from_zero_to_one_and_the_baseline_is_named_beside_the_panels() -> None:
    figure = draw(curve(20), curve(3))
    assert figure.layout["yaxis2"]["range"] == [0.0, 1.0]
    lines = traces(figure, "memoryless baseline")
    assert [line["y"].tolist() for line in lines] == [[0.5, 0.5], [0.25, 0.25]]
    assert all(line["x"].tolist() == figure.layout["xaxis"]["range"] for line in lines)
    assert [line["showlegend"] for line in lines] == [True, False], "named once, in the legend"
    notes = figure.layout["annotations"]
    assert [note["text"] for note in notes] == ["0.5", "0.25"]
    assert all((note["x"], note["xanchor"]) == (1, "left") for note in notes), "no word lies across a curve"
    assert "memoryless baseline (it the mean)" in figure.how_to_read


def test_a_squared_error_is_not_drawn_twice_but_as_skill_beside_the_baseline() -> None:
    steps = np.arange(4)
    errors = np.array([40.0, 2.0, 1.0, 0.5])
    rows = {"step": steps, "loss": errors, "metric": errors}
    more = {"metric_name": "MSE", "baseline_loss": 2.0, "baseline_metric": 2.0}
    figure = draw(rows, rows, test={"loss": 0.5, "metric": 0.5}, others=[rows], **more)
    held_loss, skill = traces(figure, "validation")
    np.testing.assert_allclose(held_loss["y"], errors)
    np.testing.assert_allclose(skill["y"], [-19, 0, 0.5, 0.75])
    assert figure.layout["yaxis2"]["range"] == [-1, 1] and figure.layout["yaxis2"]["type"] == "linear"
    assert figure.layout["yaxis2"]["title"]["text"] == "skill" and "off the axis below −1" in figure.how_to_read
    assert traces(figure, "memoryless baseline")[1]["y"].tolist() == [0, 0]
    assert len(traces(figure, "test")) == 1, "the baseline was not measured on the test set"
    assert traces(figure, "other branch")[1]["y"][0] == -19
    table = list(csv.DictReader(io.StringIO(figure.to_csv())))
    assert [float(row["MSE"]) for row in table[:4]] == errors.tolist()
    assert [float(row["skill"]) for row in table[:4]] == [-19, 0, 0.5, 0.75]
    good = {name: values[1:] for name, values in rows.items()}
    fine = draw(good, good, **more)
    assert fine.layout["yaxis2"]["range"] == [0, 1] and "off the axis" not in fine.how_to_read


def test_the_baseline_s_label_stands_at_its_logarithm_on_a_log_axis() -> None:
    figure = draw(curve(20), curve(3), log=True)
    assert figure.layout["yaxis"]["type"] == "log"
    assert figure.layout["annotations"][0]["y"] == pytest.approx(np.log10(0.5))
    low, high = figure.layout["yaxis"]["range"]
    assert low < np.log10(0.5) < high


@pytest.mark.parametrize("log", [False, True])
def test_without_a_baseline_loss_and_squared_error_are_on_different_scales(log: bool) -> None:
    layout = draw(curve(20), curve(3), metric_name="MSE", log=log, baseline_loss=None, baseline_metric=None).layout
    assert {layout["yaxis"]["type"], layout["yaxis2"]["type"]} == {"log", "linear"}
    assert (layout["yaxis"]["type"] == "log") is log


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_no_baseline_no_line(missing: float | None) -> None:
    figure = draw(curve(20), curve(3), baseline_loss=missing, baseline_metric=missing)
    assert not traces(figure, "memoryless baseline") and not figure.layout["annotations"]


@pytest.mark.parametrize(("validated", "words"), [(4, "bold validation"), (0, "there is no validation set")])
def test_it_says_where_there_is_no_validation_set(validated: int, words: str) -> None:
    assert words in curves(curve(40), curve(validated), 2.3, 0.1, "", "accuracy", "gru").how_to_read


def test_a_mark_stands_where_training_went_on_with_something_else() -> None:
    made = draw(curve(20), curve(20), marks=[(30, "torch 2 (before: 1), <b>x"), (60, "not yet")])
    lines = traces(made, "trained with something else")
    assert [set(line["x"].tolist()) for line in lines] == [{30}, {30}], "one a subplot, and none where nothing follows"
    assert "torch 2 (before: 1)<br>&lt;b&gt;x" in lines[0]["hovertemplate"]
    assert "from the dotted line at optimizer step 30 on trained with torch 2 (before: 1)" in made.how_to_read
    assert "not yet" not in made.how_to_read
