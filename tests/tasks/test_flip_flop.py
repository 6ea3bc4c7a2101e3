"""The flip-flop, by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.flip_flop import CORNERS, FlipFlop


def make(**changes: object) -> FlipFlop:
    task = Experiment.default("flip_flop").replace(**changes).make_task()
    assert isinstance(task, FlipFlop)
    return task


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5])
def test_each_output_holds_the_last_pulse(probability: float) -> None:
    batch = make(pulse_probability=probability).train_batch(0, 0, 32)
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        held = [None, None, None]
        for pulses, wanted in zip(inputs, targets, strict=True):
            held = [pulse if pulse else before for pulse, before in zip(pulses, held, strict=True)]
            assert wanted == held  # at the first step too, so every channel pulses there


def test_pulses_are_as_frequent_as_asked_and_of_either_sign() -> None:
    batch = make(pulse_probability=0.3).generate(np.random.default_rng(0), 2000)
    assert set(np.unique(batch.inputs).tolist()) == {-1.0, 0.0, 1.0}
    assert float((batch.inputs[:, 1:] != 0).mean()) == pytest.approx(0.3, abs=0.01)
    assert abs(float(batch.inputs.sum() / (batch.inputs != 0).sum())) < 0.02


@pytest.mark.parametrize(("seq_len", "probability"), [(50, 0.1), (10, 0.5)])
def test_the_baseline_is_what_the_best_memoryless_answer_gets(seq_len: int, probability: float) -> None:
    task = make(seq_len=seq_len, pulse_probability=probability)
    batch = task.generate(np.random.default_rng(0), 4000)
    # Without memory the best answer is the mean target for each present input; that is the input itself, or 0.
    measured = float(((batch.inputs - batch.targets) ** 2).mean())
    for pulse in (-1.0, 0.0, 1.0):
        assert float(batch.targets[batch.inputs == pulse].mean()) == pytest.approx(pulse, abs=0.02)
    assert task.baseline().loss == task.baseline().metric == pytest.approx(measured, abs=0.005)


def test_labels_are_the_corner_at_the_end() -> None:
    task = make()
    batch = task.evaluation("validation")
    labels, names = task.labels(batch)
    assert names == CORNERS and len(set(CORNERS)) == 8
    assert (CORNERS[0], CORNERS[1], CORNERS[7]) == ("---", "--+", "+++")
    for label, last in zip(labels, batch.targets[:, -1].tolist(), strict=True):
        assert names[label] == "".join({1.0: "+", -1.0: "-"}[value] for value in last)
    assert sorted(task.labels(task.probe())[0].tolist()) == list(range(8))


def test_explanation_gives_the_error_and_the_corner() -> None:
    task = make(seq_len=10)
    probe = task.probe()
    inputs, targets = probe.inputs[0], probe.targets[0]
    answers = targets * 0.9
    told = task.explain(inputs, targets, 10, answers)
    assert told.verdict.endswith("squared error 0.01") and told.correct is True
    corner = "".join("+" if value > 0 else "-" for value in targets[-1])
    assert told.verdict.startswith(f"ends at {corner}, should be {corner}") and corner in told.title
    by_group = {group: [s for s in told.strips if s.group == group] for group in task.output.names}
    for channel, strips in enumerate(by_group.values()):
        assert [strip.role for strip in strips] == ["input", "target", "answer"]
        for strip, values in zip(strips, (inputs, targets, answers), strict=True):
            assert np.array_equal(strip.values, values[:, channel])
    answers[-1, 1] *= -1
    assert task.explain(inputs, targets, 10, answers).correct is False
