"""Context-dependent integration: the sums by a plain loop, the baseline by sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.context import DRIFT, LABELS, Context, last_step


def make(**changes: object) -> Context:
    task = Experiment.default("context").replace(**changes).make_task()
    assert isinstance(task, Context)
    return task


def below(z: np.ndarray) -> np.ndarray:
    """The share of a standard normal distribution that lies below z."""
    return 0.5 * np.vectorize(math.erfc)(-z / math.sqrt(2))


def test_the_class_is_the_sign_of_the_cued_sum() -> None:
    batch = make().train_batch(0, 0, 64)
    cued_ones = set()
    for rows, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        cues = {(first, second) for _, _, first, second in rows}
        assert cues in ({(1.0, 0.0)}, {(0.0, 1.0)})  # the same at every step
        cued = 0 if cues == {(1.0, 0.0)} else 1
        cued_ones.add(cued)
        assert target == (sum(row[cued] for row in rows) > 0)
    assert cued_ones == {0, 1}


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_means_and_noise_have_their_sizes(noise: float) -> None:
    inputs = make(noise=noise).generate(np.random.default_rng(0), 4000).inputs[:, :, :2]
    assert float(inputs.std(axis=1, ddof=1).mean()) == pytest.approx(noise, rel=0.02)
    of_means = float(inputs.mean(axis=1).std(ddof=1)) ** 2
    assert of_means == pytest.approx(DRIFT**2 + noise**2 / 40, rel=0.05)
    assert abs(float(np.corrcoef(inputs.mean(axis=1).T)[0, 1])) < 0.04  # one stream tells nothing of the other


@pytest.mark.parametrize(("seq_len", "noise"), [(40, 1.0), (5, 0.3)])
def test_the_baseline_by_sampling(seq_len: int, noise: float) -> None:
    task = make(seq_len=seq_len, noise=noise)
    batch = task.generate(np.random.default_rng(1), 60_000 if seq_len < 10 else 20_000)
    cued = batch.inputs[:, 0, 2:].argmax(axis=1)
    last = batch.inputs[np.arange(len(batch)), -1, cued].astype(np.float64)
    agree = ((last > 0) == batch.targets).mean()
    assert task.baseline().metric == pytest.approx(float(agree), abs=0.01)
    slope, _ = last_step(seq_len, noise)
    p = below(slope * last / (DRIFT**2 + noise**2) ** 0.5)
    loss = -np.log(np.where(batch.targets == 1, p, 1 - p)).mean()
    assert task.baseline().loss == pytest.approx(float(loss), abs=0.01)


@pytest.mark.parametrize(("seq_len", "noise"), [(5, 0.1), (100, 3.0)])
def test_the_baselines_integral_by_the_trapezium_rule(seq_len: int, noise: float) -> None:
    slope, _ = last_step(seq_len, noise)
    z = np.linspace(-9, 9, 200_001)
    p = np.clip(below(slope * z), 1e-300, 1 - 1e-16)
    surprise = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    expected = float(np.trapezoid(surprise * density, z))
    assert make(seq_len=seq_len, noise=noise).baseline().loss == pytest.approx(expected, rel=2e-3)


def test_explanation_draws_both_sums() -> None:
    task = make(seq_len=5)
    inputs = np.array([[1, -1, 0, 1], [2, -2, 0, 1], [-4, 1, 0, 1], [1, 1, 0, 1], [1, -2, 0, 1]], np.float32)
    told = task.explain(inputs, np.int64(0), 5, np.tile([0.7, 0.3], (5, 1)))
    assert told.title == "stream 2 counts and sums to -3.0; the other to 1.0"
    assert (told.verdict, told.correct) == ("says negative (70 %), it is negative", True)
    cued, other, right, said = (strip.values.tolist() for strip in told.strips)
    assert (cued, other) == ([-1, -3, -2, -1, -3], [1, 3, -1, 0, 1])
    assert (right, said) == ([0] * 5, [0.3] * 5)


def test_labels_are_cue_and_answer() -> None:
    task = make()
    probe = task.probe()
    labels, names = task.labels(probe)
    assert names == LABELS == ("stream 1, negative", "stream 1, positive", "stream 2, negative", "stream 2, positive")
    for label, inputs, target in zip(labels, probe.inputs, probe.targets, strict=True):
        assert names[label] == f"stream {1 + int(inputs[0, 3])}, {'positive' if target else 'negative'}"
