"""Columns that only count or tell the time: recognized in every common form, left out, and named."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import Task
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.counters import counts
from rnn_explorer.training import Trainer
from tests.tasks.user_data.test_series import csv, make

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=240).round(4).tolist()
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=n) for n in range(240)]
UNEVEN = np.cumsum(RNG.integers(1, 90, 240)).tolist()


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


# Each is a first column beside noise; the name says nothing unless the pattern alone would not do.
COUNTERS = {
    "whole steps": ("a", range(240)),
    "from one": ("a", range(1, 241)),
    "floating steps": ("a", [n / 10 for n in range(240)]),
    "floating steps with their rounding": ("a", [0.1 * n for n in range(240)]),
    "rounded thirds": ("a", [round(n / 3, 2) for n in range(240)]),
    "one gap": ("a", [n + 50 * (n > 100) for n in range(240)]),
    "floating steps with one gap": ("a", [(n + 7 * (n > 30)) / 10 for n in range(240)]),
    "several gaps": ("a", [n + n // 20 * 3 for n in range(240)]),
    "one missing": ("a", [None if n == 9 else n for n in range(240)]),
    "backwards": ("a", [500 - n for n in range(240)]),
    "every row twice": ("a", [n // 2 for n in range(240)]),
    "begins anew": ("a", [n % 24 for n in range(240)]),
    "Unix seconds": ("a", [1_700_000_000 + 3600 * n for n in range(240)]),
    "Unix seconds, uneven": ("a", [1_700_000_000 + n for n in UNEVEN]),
    "Unix milliseconds, uneven": ("a", [1_700_000_000_000 + 1000 * n for n in UNEVEN]),
    "dates": ("a", [f"{day:%Y%m%d}" for day in DAYS]),
    "dates, shuffled": ("a", [f"{DAYS[n]:%Y%m%d}" for n in RNG.permutation(240)]),
    "dates with minutes": ("a", [f"{day:%Y%m%d}0730" for day in DAYS]),
    "months": ("a", [f"{2000 + n // 12}{n % 12 + 1:02}" for n in range(240)]),
    "years": ("a", [1780 + n for n in range(240)]),
    "uneven, called a time": ("elapsed time", [n / 7 for n in UNEVEN]),
    "uneven, called a step": ("globalStep", UNEVEN),
    "uneven, called an index": ("Index", UNEVEN),
    "shuffled row numbers": ("a", RNG.permutation(240).tolist()),
    "an id of sensors": ("sensor_id", RNG.integers(1, 9, 240).tolist()),
    "a month of any order": ("month", RNG.integers(1, 13, 240).tolist()),
}


@pytest.mark.parametrize("case", COUNTERS)
@pytest.mark.parametrize("kind", ["forecast", "classification"])
def test_a_counter_is_left_out_and_named(case: str, kind: str) -> None:
    name, values = COUNTERS[case]
    data = {name: list(values), "x": NOISE, "y": NOISE[::-1]}
    data |= {"k": [f"k{n // 120}" for n in range(240)]} if kind == "classification" else {}
    task = make(csv(data), kind=kind, seq_len=10)
    (told,) = [note for note in task.notes if note.startswith("Left out is what only counts or tells the time")]
    assert f"'{name}'" in told and "'x'" not in told
    assert task.notes[-1].endswith("read are 'x', 'y'." if kind == "classification" else "The columns read are 'x'.")


MEASURED = {
    "noise": NOISE,
    "rounded noise": np.round(NOISE).tolist(),
    "a sine": [math.sin(n / 9) for n in range(240)],
    "a walk": np.cumsum(NOISE).round(3).tolist(),
    "squares": [n * n for n in range(240)],
    "a noisy ramp": [n + 2 * x for n, x in enumerate(NOISE)],
    "ones and zeros": (np.array(NOISE) > 0).astype(int).tolist(),
    "zeros and ones in turn": [n % 2 for n in range(240)],
    "three levels": RNG.integers(0, 3, 240).tolist(),
    "events of a day": RNG.poisson(3, 240).tolist(),
    "a meter": np.cumsum(RNG.exponential(size=240)).round(3).tolist(),
    "large numbers": (1.5e9 + 1e8 * np.array(NOISE)).round().tolist(),
    "eight digits": RNG.integers(10_000_000, 99_999_999, 240).tolist(),
}


@pytest.mark.parametrize("case", MEASURED)
def test_what_was_measured_is_read(case: str) -> None:
    for name in ("temperature", "T", "count", "price index"):
        if not (name in ("T", "price index") and case in ("squares", "a meter")):  # called like a time, and never fall
            assert counts(name, np.array(MEASURED[case], dtype=float), [np.arange(240)]) == ""
    assert make(csv({"x": MEASURED[case], "y": NOISE}), seq_len=10).input.names == ("x",)


def test_a_running_step_begins_anew_with_each_series() -> None:
    columns: dict[str, list] = {"run": [], "p": [], "q": [], "x": [], "k": []}
    for run in range(40):
        for step in range(8 + run % 3):
            columns["run"].append(f"r{run}")
            columns["p"].append(0.25 * step + run)  # begins elsewhere in each series
            columns["q"].append(run)  # stands still in each series
            columns["x"].append(float(RNG.normal()))
            columns["k"].append(f"k{run % 2}")
    task = make(csv(columns), kind="classification", series_id="run", label="k")
    assert task.input.names == ("x",)
    assert "'p' goes up by 0.25 from row to row; 'q' goes up by 1 every few rows" in " ".join(task.notes)


def test_who_names_a_counter_reads_it_and_is_told() -> None:
    data = csv({"t": [n / 10 for n in range(240)], "x": NOISE})
    task = make(data, columns="t", seq_len=10)
    assert task.input.names == ("t",)
    assert any("so it is read all the same: 't' goes up by 0.1 from row to row." in note for note in task.notes)
    data = csv({"t": [n / 10 for n in range(240)], "x": NOISE, "k": ["a", "b"] * 120})
    assert make(data, kind="classification", columns="t,x").longest == 2


def test_where_there_is_nothing_but_counters() -> None:
    alone = make(csv({"t": list(range(240))}), seq_len=10)
    assert alone.input.names == ("t",) and "but there is no other to forecast." in " ".join(alone.notes)
    beside = csv({"t": list(range(240)), "load": [f"about {n}" for n in range(240)]})
    with pytest.raises(
        SettingError, match=r"'t' goes up by 1 from row to row\. The column 'load' is not numeric: line"
    ) as caught:
        make(beside, seq_len=10)
    assert caught.value.field == "columns"
    with pytest.raises(SettingError, match="no column to read but such as only count"):
        make(csv({"t": list(range(240)), "k": ["a", "b"] * 120}), kind="classification")


def sorted_noise(extra: dict[str, list]) -> Task:
    kinds = [f"k{n // 120}" for n in range(240)]
    return make(csv({**extra, "x": NOISE, "y": NOISE[::-1], "k": kinds}), kind="classification", label="k")


@pytest.mark.parametrize("counter", [list(range(240)), UNEVEN, [n / 10 for n in range(240)]])
def test_noise_sorted_by_label_is_not_told_apart(counter: list) -> None:
    task = sorted_noise({"a": counter})
    assert any(note.startswith("The file is sorted by class.") for note in task.notes)
    experiment = Experiment.default("own_series").replace(**task.settings.to_dict(), hidden_size=8, steps=150)
    trainer = Trainer(experiment)
    trainer.advance(math.inf, 150)
    assert trainer.evaluate("test")[1] < 0.8


def test_a_file_that_is_mixed_is_not_called_sorted() -> None:
    kinds = [f"k{n % 2}" for n in range(240)]
    task = make(csv({"x": NOISE, "y": NOISE[::-1], "k": kinds}), kind="classification")
    assert not any("sorted by class" in note for note in task.notes)
