"""Numbers from tiny to huge: normalized without loss, and what is beyond comparison named with its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer.analysis.data.compute import report
from rnn_explorer.cli import main
from rnn_explorer.engine import frames
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.data.examples import examples
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.scaling import moments
from rnn_explorer.training import Trainer
from tests.tasks.user_data.test_series import csv, make

WAVE = [round(math.sin(n / 5) + 0.3 * math.sin(n), 6) for n in range(240)]


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


@pytest.mark.parametrize("at", [5, 100, 170, 239])  # training, training, validation, test
@pytest.mark.parametrize("size", [1e20, -1e20, 1e9, 1e30])
def test_an_outlier_beyond_all_comparison_is_named_with_its_place(at: int, size: float) -> None:
    x = [size if n == at else value for n, value in enumerate(WAVE)]
    with pytest.raises(SettingError) as caught:
        make(csv({"x": x}), seq_len=10)
    words = f"The column 'x' holds {size:.4g} in row {at + 1}, which is beyond all comparison with"
    assert words in str(caught.value) and caught.value.field == "columns"


def test_the_command_line_names_an_outlier_before_it_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv({"x": [1e20 if n == 230 else value for n, value in enumerate(WAVE)]}))
    assert main(["train", "steps=5&seq_len=10", "--data", str(path), "--json"]) == 2
    seen = capsys.readouterr()
    assert seen.out == "" and "The column 'x' holds 1e+20 in row 231" in seen.err.splitlines()[-1]


def test_several_outliers_are_counted() -> None:
    x = [1e20 if n in (7, 200, 201) else value for n, value in enumerate(WAVE)]
    with pytest.raises(SettingError, match=r"\(and 2 other numbers like it\)"):
        make(csv({"x": x}), seq_len=10)


@pytest.mark.parametrize("long", [True, False])
def test_an_outlier_of_a_classification_is_named(long: bool) -> None:
    if long:
        x = [1e22 if n == 130 else value for n, value in enumerate(WAVE)]
        data = {"run": [f"r{n // 6}" for n in range(240)], "x": x, "k": [f"k{n // 6 % 2}" for n in range(240)]}
        more = {"series_id": "run", "label": "k"}
    else:
        y = [1e22 if n == 130 else value for n, value in enumerate(WAVE[::-1])]
        data, more = {"x": WAVE, "y": y, "k": [f"k{n % 2}" for n in range(240)]}, {}
    with pytest.raises(SettingError, match=rf"The column '{'x' if long else 'y'}' holds 1e\+22 in row 131"):
        make(csv(data), kind="classification", **more)


def test_what_is_far_off_is_told_and_stays_finite() -> None:
    x = [4e3 if n == 235 else value for n, value in enumerate(WAVE)]
    task = make(csv({"x": x}), seq_len=10)
    assert any("The column 'x' holds 4000 in row 236," in note for note in task.notes)
    trainer = Trainer(Experiment.default("own_series").replace(**task.settings.to_dict(), hidden_size=4))
    trainer.advance(math.inf, 5)
    assert math.isfinite(trainer.evaluate("test")[0]) and task.baseline().loss < 10


def test_rare_spikes_are_no_outliers() -> None:
    task = make(csv({"x": [int(n % 60 == 3) for n in range(240)]}), seq_len=10)
    assert task.inner.scale[0] > 0.1 and not any("row" in note for note in task.notes)


@pytest.mark.parametrize(
    "values",
    [
        [1e-170 * value for value in WAVE],
        [1e-300 * value for value in WAVE],
        [5e-170 + 1e-170 * value for value in WAVE],
        [1e15 + n * n % 7 for n in range(240)],
        [-1e15 + n * n % 7 for n in range(240)],
        [1e29 * value for value in WAVE],
        [1 + 1e-14 * round(20 * value) for value in WAVE],
    ],
    ids=["1e-170", "1e-300", "off zero", "1e15", "-1e15", "1e29", "a hair"],
)
def test_tiny_and_huge_numbers_are_normalized_and_not_called_constant(values: list[float]) -> None:
    task = make(csv({"x": values}), columns="x", seq_len=10)
    train = task.inner.values[: task.inner.stretches["train"].starts.max() + 11].astype(np.float64)
    assert abs(train.mean()) < 0.05 and train.std() == pytest.approx(1, abs=0.01)
    known = np.array([float(repr(value)) for value in values])
    shape = (known - known[0]) / np.abs(known - known[0]).max()
    found = task.inner.values[:, 0].astype(np.float64)
    found = (found - found[0]) / np.abs(found - found[0]).max()
    np.testing.assert_allclose(found, shape, atol=1e-5)
    trainer = Trainer(Experiment.default("own_series").replace(**task.settings.to_dict(), hidden_size=4))
    trainer.advance(math.inf, 5)
    assert math.isfinite(trainer.evaluate("test")[0])


@pytest.mark.parametrize("values", [[1e15 + n * n % 7 for n in range(240)], [1e-170 * value for value in WAVE]])
def test_tiny_and_huge_numbers_are_drawn(values: list[float]) -> None:
    task = make(csv({"x": values}), columns="x", seq_len=10)
    trainer = Trainer(Experiment.default("own_series").replace(**task.settings.to_dict(), hidden_size=4))
    told = trainer.snapshot().explanations[0]
    drawn = prediction(told, "lstm").data[0]
    seen = frames.unpack(frames.pack({"y": drawn["y"]}))["y"]
    assert seen.dtype == np.float64, "what is sent to the browser tells the values apart"
    first = int(told.title.split()[1]) - 1
    np.testing.assert_allclose(seen, values[first : first + 10], atol=1e-3 * np.ptp(values), rtol=0)
    low, high = examples(report(task).examples).layout["yaxis"]["range"]
    assert 0 < high - low < 1.5 * np.ptp(values)


def test_moments_are_those_of_numpy_where_these_can_be_had() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(3, 2, (100, 2))
    mean, scale = moments(seen)
    np.testing.assert_allclose(mean, seen.mean(axis=0))
    np.testing.assert_allclose(scale, seen.std(axis=0))
    seen[::3, 0] = np.nan
    mean, scale = moments(seen)
    np.testing.assert_allclose([mean[0], scale[0]], [np.nanmean(seen[:, 0]), np.nanstd(seen[:, 0])])
    assert moments(np.full((5, 1), 7.1))[1].tolist() == [0.0], "exactly, whatever the mean is rounded to"
