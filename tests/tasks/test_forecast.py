"""Forecasting: windows, borders, normalization, and the equation against a finer solution."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import PROBES, SPLITS
from rnn_explorer.tasks.forecast import LORENZ_STEP, SERIES, Forecast, lorenz, mackey_glass


def make(**changes: object) -> Forecast:
    task = Experiment.default("forecast").replace(**changes).make_task()
    assert isinstance(task, Forecast)
    return task


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("seq_len", [10, 50, 90])
def test_targets_are_the_inputs_one_step_later(series: str, seq_len: int) -> None:
    task = make(series=series, seq_len=seq_len)
    for split in SPLITS:
        batch = task.finite_set(split)
        assert len(batch) >= PROBES and batch.inputs.shape[1:] == batch.targets.shape[1:] == (seq_len, 1)
        assert np.array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])


@pytest.mark.parametrize("series", SERIES)
def test_windows_lie_in_their_own_part_and_training_shows_them_all(series: str) -> None:
    task = make(series=series, seq_len=20)
    values = task.normalized
    end_of_last = 0
    for split in SPLITS:
        start, end = task.parts[split]
        assert start == end_of_last
        end_of_last = end
        batch = task.finite_set(split)
        all_starts = range(start, end - 20)  # the window's target at its last step is 20 after its start
        if split == "train":
            assert len(batch) == len(all_starts)
            chosen = [0, len(batch) // 2, len(batch) - 1]
            pairs = [(row, all_starts[row]) for row in chosen]
        else:
            assert len(batch) <= 256
            pairs = [(0, all_starts[0]), (len(batch) - 1, all_starts[-1])]
        for row, begin in pairs:
            assert np.array_equal(batch.inputs[row, :, 0], values[begin : begin + 20])
            assert float(batch.targets[row, -1, 0]) == values[begin + 20]
    assert end_of_last == len(values)


def test_normalization_knows_the_training_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make(series="sunspots")
    start, end = plain.parts["train"]
    with (files.FOLDER / "sunspots.csv").open(newline="") as file:
        numbers = np.array([float(row["sunspots"]) for row in csv.DictReader(file)])
    training = numbers[start:end]
    expected = (numbers - training.mean()) / training.std()
    assert np.allclose(plain.normalized, expected, atol=1e-5)
    # Other values after the border must change nothing in the training set.
    table = dict(files.columns("sunspots"))
    table["sunspots"] = (*table["sunspots"][:end], *("1000.0" for _ in numbers[end:]))
    monkeypatch.setattr(files, "columns", lambda name: table)
    changed = make(series="sunspots")
    assert np.array_equal(changed.finite_set("train").inputs, plain.finite_set("train").inputs)
    assert np.array_equal(changed.finite_set("train").targets, plain.finite_set("train").targets)
    assert not np.array_equal(changed.finite_set("test").inputs, plain.finite_set("test").inputs)


@pytest.mark.parametrize("series", SERIES)
def test_the_baseline_by_a_plain_loop_over_the_judged_steps(series: str) -> None:
    task = make(series=series, seq_len=11)
    batch, train = task.finite_set("validation"), task.finite_set("train")
    x, y = (values[:, 5:, 0].astype(np.float64).ravel() for values in (train.inputs, train.targets))
    rows = np.linspace(0, len(x) - 1, 20_000).astype(int) if len(x) > 20_000 else np.arange(len(x))
    more = np.polynomial.Polynomial.fit(x[rows], (y - x)[rows], 3)
    errors = [
        (window[step] + more(min(max(window[step], x.min()), x.max())) - target[step]) ** 2
        for window, target in zip(batch.inputs[:, :, 0].tolist(), batch.targets[:, :, 0].tolist(), strict=True)
        for step in range(5, 11)
    ]
    assert batch.step_mask().sum() == len(errors) and not batch.mask[:, :5].any()
    lazy = float(((batch.inputs - batch.targets)[:, 5:].astype(np.float64) ** 2).mean())
    assert task.baseline().loss < lazy, "repeating the last value is not the best that can be made of it"
    assert task.baseline().loss == task.baseline().metric == pytest.approx(sum(errors) / len(errors), rel=1e-4)


def test_generated_series_follow_the_seed_and_shipped_ones_do_not() -> None:
    for series in SERIES:
        one, again, other = (make(series=series, seed=seed).series.values for seed in (1, 1, 2))
        assert np.array_equal(one, again)
        assert np.array_equal(one, other) == (series in ("sunspots", "seattle"))


def test_noise_is_on_the_sine_alone() -> None:
    settings = Experiment.default("forecast").task_settings
    assert [settings.replace(series=series).applies("noise") for series in SERIES] == [
        series == "noisy_sine" for series in SERIES
    ]
    clean = make(series="noisy_sine", noise=0.0).series.values
    noisy = make(series="noisy_sine", noise=0.5).series.values
    assert np.abs(clean).max() <= 1 and np.allclose(clean[36:], clean[:-36], atol=1e-9)
    assert np.std(noisy - clean) == pytest.approx(0.5, rel=0.1)
    assert np.array_equal(make(noise=0.0).series.values, make(noise=0.5).series.values)


def test_mackey_glass_agrees_with_a_finer_solution() -> None:
    step, delay = 0.01, 1700  # fourth-order Runge-Kutta on a grid ten times as fine
    x = [1.2] * (delay + 1)

    def slope(value: float, late: float) -> float:
        return 0.2 * late / (1 + late**10) - 0.1 * value

    for i in range(100 * 100):
        late, later, latest = x[i], (x[i] + x[i + 1]) / 2, x[i + 1]
        k1 = slope(x[-1], late)
        k2 = slope(x[-1] + step / 2 * k1, later)
        k3 = slope(x[-1] + step / 2 * k2, later)
        k4 = slope(x[-1] + step * k3, latest)
        x.append(x[-1] + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    fine = np.array(x[delay + 100 :: 100])
    assert np.abs(mackey_glass(1.2, 100) - fine).max() < 2e-3
    assert np.std(fine) > 0.1


def test_mackey_glass_neither_settles_nor_escapes() -> None:
    for seed in range(5):
        values = make(seed=seed).series.values
        assert 0.2 < values.min() < 0.6 and 1.1 < values.max() < 1.5
        assert np.std(values[-300:]) > 0.15


def test_lorenz_agrees_with_a_finer_solution() -> None:
    fine, point = 40, np.array([1.5, 1.5, 20.0])  # the midpoint rule on a grid eight times as fine
    step = LORENZ_STEP / fine

    def slope(at: np.ndarray) -> np.ndarray:
        x, y, z = at
        return np.array([10 * (y - x), 28 * x - y - x * z, x * y - 8 * z / 3])

    expected = []
    for _ in range(100):
        for _ in range(fine):
            point = point + step * slope(point + step / 2 * slope(point))
        expected.append(point[0])
    assert np.abs(lorenz(1.5, 100) - expected).max() < 1e-2
    assert np.std(expected) > 3


def test_lorenz_visits_both_wings_and_stays() -> None:
    for seed in range(3):
        values = make(series="lorenz", seed=seed).series.values
        assert -20 < values.min() < -14 and 14 < values.max() < 20
        assert np.count_nonzero(np.diff(np.sign(values))) > 20


def test_explanation_is_in_the_series_own_unit_and_says_when() -> None:
    task = make(series="sunspots", seq_len=20)
    batch = task.finite_set("validation")
    inputs, targets = batch.inputs[0], batch.targets[0]
    told = task.explain(inputs, targets, 20, targets + 0.1)
    first = task.parts["validation"][0]
    assert told.title == f"Sunspots, {1700 + first} to {1700 + first + 20}" and told.correct is None
    assert told.verdict.startswith("squared error 0.01; repeating the last value has ")
    seen, wanted, said = told.strips
    numbers = np.array([float(value) for value in files.columns("sunspots")["sunspots"]])
    assert np.allclose(seen.values, numbers[first : first + 20], atol=1e-3)
    assert np.isnan(wanted.values[:10]).all()
    assert np.allclose(wanted.values[10:], numbers[first + 11 : first + 21], atol=1e-3)
    assert np.allclose(said.values[10:] - wanted.values[10:], 0.1 * task.scale, atol=1e-3)


def test_a_window_that_is_not_of_the_series_is_explained_all_the_same() -> None:
    task = make(seq_len=10)
    told = task.explain(np.zeros((10, 1), np.float32), np.zeros((10, 1), np.float32), 10, np.zeros((10, 1)))
    assert told.title == "Mackey-Glass"


def test_hours_in_seattle() -> None:
    task = make(series="seattle")
    assert task.series.when(0) == "1 Jan 00:00" and task.series.when(8758) == "31 Dec 23:00"
    assert task.series.values[0] == pytest.approx((39.4 - 32) / 1.8)


def test_probes_are_spread_over_the_validation_part() -> None:
    task = make(series="seattle")
    starts = [task._start(window) for window in task.probe().inputs[:, :, 0]]
    assert starts == sorted(starts) and min(np.diff(starts)) > 50
    first, end = task.parts["validation"]
    assert starts[0] == first and starts[-1] == end - 51
