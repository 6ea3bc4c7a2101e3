"""Missing values: read as the last one before, never judged, and alike with compiled code and without."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer import kernels
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import Task
from rnn_explorer.tasks.memoryless import NextValue
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.scaling import carried
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer
from tests.tasks.user_data.test_series import csv, make


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


def two_columns(missing: float = 0.3, count: int = 300) -> bytes:
    rng = np.random.default_rng(3)
    columns = {}
    for name in ("x", "y"):
        values = rng.normal(size=count).round(3).tolist()
        columns[name] = [
            None if gone else value for gone, value in zip(rng.random(count) < missing, values, strict=True)
        ]
    return csv(columns)


def trainer_of(task: Task, **changes: object) -> Trainer:
    settings = {"hidden_size": 6, "batch_size": 16, **task.settings.to_dict(), **changes}
    return Trainer(Experiment.default("own_series").replace(**settings))


def test_noise_with_two_of_three_values_missing_is_not_forecast() -> None:
    rng = np.random.default_rng(0)
    x = [round(float(value), 4) if n % 3 == 0 else None for n, value in enumerate(rng.normal(size=900))]
    task = make(csv({"x": x}), seq_len=20)
    assert task.baseline().loss < 1.5, "noise repeated is off by twice its variance, and its mean by once"
    trainer = trainer_of(task, steps=200, hidden_size=16)
    trainer.advance(math.inf, 200)
    for split in ("validation", "test"):
        batch = task.finite_set(split)
        assert trainer.evaluate(split)[0] > 0.9 * batch.targets[batch.mask].var(), "nobody can forecast noise"


def test_only_what_was_measured_is_judged() -> None:
    task = make(two_columns(), columns="x,y", seq_len=12)
    whole = np.full((300, 2), np.nan)
    for row, line in enumerate(two_columns().decode().split()[1:]):
        whole[row] = [float(cell) if cell else np.nan for cell in line.split(",")]
    inner = task.inner
    for split in ("train", "validation", "test"):
        batch, starts = task.finite_set(split), inner.stretches[split].starts
        assert np.isfinite(batch.inputs).all() and batch.mask.any(axis=1).all()
        for n, start in enumerate(starts.tolist()):
            rows = whole[start + 1 : start + 13]
            known = ~np.isnan(rows).any(axis=1) & (np.arange(12) >= 6)
            assert batch.mask[n].tolist() == known.tolist()
            np.testing.assert_allclose(
                batch.targets[n] * inner.scale + inner.mean, rows, rtol=1e-4, atol=1e-4, equal_nan=True
            )


def test_nothing_is_read_of_the_future_nor_over_a_border() -> None:
    data = two_columns()
    task = make(data, columns="x,y", seq_len=12)
    lines = data.decode().split("\n")
    for border in (192, 240):  # where validation and test begin, of 300
        changed = [*lines[: border + 1], *("9.5,-9.5" for _ in lines[border + 1 :])]
        other = make("\n".join(changed).encode(), columns="x,y", seq_len=12)
        before = {"train": 192, "validation": 240}
        for split, end in before.items():
            if end <= border:
                assert np.array_equal(task.finite_set(split).inputs, other.finite_set(split).inputs)
    begin = task.inner.values[[192, 240]]
    gone = np.isnan(task.inner.truth[[192, 240]])
    assert (begin[gone] == 0).all()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("columns", ["x", "x,y"])
def test_compiled_code_judges_the_same_steps_as_torch(cell: str, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make(two_columns(), columns=columns, seq_len=9)
    mine = trainer_of(task, cell=cell, dense=(5,))
    assert (mine._fused is not None) == kernels.ENABLED

    def seen(trainer: Trainer) -> list[float]:
        found = []
        for index in range(3):
            loss, metric = trainer._learn(TensorBatch.of(trainer.task.train_batch(0, index, 16)))
            grads = [parameter.grad.flatten() for parameter in trainer._parameters]
            found += [loss, metric, *torch.cat(grads).tolist()]
        return found + [number for split in ("validation", "test") for number in trainer.evaluate(split)]

    first = seen(mine)
    monkeypatch.setattr(kernels, "ENABLED", False)
    plain = trainer_of(task, cell=cell, dense=(5,))
    assert plain._fused is None
    np.testing.assert_allclose(first, seen(plain), rtol=2e-4, atol=2e-6)
    # and both are what a loop over the judged answers gives
    batch = plain.task.finite_set("validation")
    with torch.no_grad():
        answers = plain.model(torch.from_numpy(batch.inputs)).numpy()
    off = [
        np.square(answers[n, t] - batch.targets[n, t]).mean()
        for n in range(len(batch)) for t in range(9)
        if t >= 4 and np.isfinite(batch.targets[n, t]).all()
    ]  # fmt: skip
    assert plain.evaluate("validation")[0] == pytest.approx(np.mean(off), rel=1e-5)
    predictor = NextValue.fit(plain.task.finite_set("train"), batch)
    off = (predictor(batch.inputs[batch.mask]) - batch.targets[batch.mask]) ** 2
    assert plain.task.baseline().loss == pytest.approx(float(off.mean()), rel=1e-6)


def test_every_step_can_be_learned_from_and_is_finite() -> None:
    task = make(two_columns(missing=0.6), columns="x,y", seq_len=8)
    trainer = trainer_of(task, batch_size=1, cell="gru")
    reports = trainer.advance(math.inf, 40)
    assert len(reports) == 40 and all(math.isfinite(report.train_loss) for report in reports)
    told = trainer.snapshot().explanations
    assert all("nan" not in each.verdict for each in told)


def test_columns_that_are_never_complete_are_told() -> None:
    x = [n % 7 if n % 2 else None for n in range(300)]
    y = [n % 5 if n % 2 == 0 else None for n in range(300)]
    with pytest.raises(SettingError, match=r"no window in which a judged time step has a value in every column"):
        make(csv({"x": x, "y": y}), columns="x,y", seq_len=10)


def test_a_series_that_is_classified_reads_no_future_either() -> None:
    rows = []
    for run in range(40):
        for step in range(6):
            x = None if step in (0, 3) else round(math.sin(step * (1 + run % 2)) + run / 1000, 4)
            rows.append((f"r{run}", x, f"k{run % 2}"))
    columns = dict(zip(("run", "x", "k"), map(list, zip(*rows, strict=True)), strict=True))
    task = make(csv(columns), kind="classification", series_id="run", label="k")
    inputs = task.finite_set("train").inputs[:, :, 0]
    assert (inputs[:, 0] == 0).all(), "the mean of the training part"
    assert np.array_equal(inputs[:, 3], inputs[:, 2]) and not np.array_equal(inputs[:, 4], inputs[:, 2])
    wide = {
        f"s{step}": [None if step == 2 else round(math.cos(7 * n + step), 4) for n in range(60)] for step in range(5)
    }
    wide["s2"][:2] = [1.0, 0.5]
    task = make(csv({**wide, "k": ["a", "b"] * 30}), kind="classification", columns="s0,s1,s3,s2,s4")
    inputs = task.finite_set("train").inputs[:, :, 0]
    assert (inputs[:, 3] == inputs[:, 2]).sum() >= len(inputs) - 2, "columns follow each other as they are named"


def test_an_address_with_the_old_way_opens_with_a_sentence() -> None:
    found, errors = Experiment.from_query_forgiving({"task": "own_series", "missing": "interpolate", "seq_len": "20"})
    assert found.get("missing") == "carry_forward" and found.get("seq_len") == 20
    assert [str(error) for error in errors] == ["missing is 'interpolate', but must be one of carry_forward, drop."]


def test_carried() -> None:
    nan = math.nan
    values = np.array([[nan, 1.0], [1.0, nan], [nan, nan], [4.0, nan], [nan, nan]])
    np.testing.assert_array_equal(carried(values, [0]), [[0, 1], [1, 1], [1, 1], [4, 1], [4, 1]])
    np.testing.assert_array_equal(carried(values, [0, 2]), [[0, 1], [1, 1], [0, 0], [4, 0], [4, 0]])
    assert np.isnan(values[0, 0]), "nothing is written to"


@given(st.lists(st.one_of(st.just(math.nan), st.floats(-9, 9)), min_size=1, max_size=40), st.data())
def test_carried_by_hand(column: list[float], data: st.DataObject) -> None:
    begins = [0, *sorted(data.draw(st.sets(st.integers(1, len(column)), max_size=4)))]
    expected, last = [], 0.0
    for row, value in enumerate(column):
        last = 0.0 if row in begins else last
        last = last if math.isnan(value) else value
        expected.append(last)
    np.testing.assert_array_equal(carried(np.array(column)[:, None], begins)[:, 0], expected)
