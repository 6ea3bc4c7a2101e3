"""a^n b^n: strings written out, and what may follow by trying every continuation."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.anbn import SYMBOLS, Anbn
from rnn_explorer.training import Trainer

LANGUAGE = {"|" + "a" * n + "b" * n + "|" for n in range(1, 80)}


def make(**changes: object) -> Anbn:
    task = Experiment.default("anbn").replace(**changes).make_task()
    assert isinstance(task, Anbn)
    return task


def texts(task: Anbn, split: str) -> list[tuple[str, str, list[bool]]]:
    """Inputs, targets and which steps count, of the real steps."""
    batch = task.finite_set(split)  # type: ignore[arg-type]
    assert batch.lengths is not None
    rows = zip(batch.inputs.tolist(), batch.targets.tolist(), batch.step_mask().tolist(), batch.lengths, strict=True)
    return [
        ("".join(SYMBOLS[s] for s in x[:end]), "".join(SYMBOLS[s] for s in y[:end]), mask[:end])
        for x, y, mask, end in rows
    ]


@pytest.mark.parametrize(
    ("changes", "borders"),
    [
        ({}, (20, 28, 36)),
        ({"max_n": 24}, (8, 16, 24)),
        ({"val_split": 0.0}, (28, 28, 36)),
        ({"val_split": 0.5}, (14, 28, 36)),
    ],
)
def test_short_strings_are_trained_and_longer_ones_judged(
    changes: dict[str, object], borders: tuple[int, int, int]
) -> None:
    task = make(**changes)
    first, expected = 1, {}
    for split, last in zip(("train", "validation", "test"), borders, strict=True):
        expected[split] = {"|" + "a" * n + "b" * n for n in range(first, last + 1)}
        first = last + 1
    for split, wanted in expected.items():
        found = texts(task, split)
        assert {inputs for inputs, _, _ in found} == wanted
        assert len(found) == len(wanted) * (32 if split == "train" else 1)
        for inputs, targets, counts in found:
            assert inputs[0] + targets in LANGUAGE and targets[:-1] == inputs[1:]
            judged = [False] * (len(inputs) - 2) + [True] * 2
            assert counts == ([True] * len(inputs) if split == "train" else judged)


def test_padding_is_no_longer_than_needed() -> None:
    task = make()
    assert [task.finite_set(split).inputs.shape[1] for split in task.parts] == [41, 57, 73]


def allowed_by_trial(prefix: str) -> set[str]:
    return {symbol for symbol in SYMBOLS if any(word.startswith(prefix + symbol) for word in LANGUAGE)}


@pytest.mark.parametrize(
    "text", ["|aaabbb", "|ab", "|aaabbb||||", "|aabbb", "|aabab", "|a|", "aab", "|b", "||ab", "|aaaa"]
)
def test_legal_is_what_some_string_of_the_language_goes_on_with(text: str) -> None:
    table = make().legal(np.array([SYMBOLS.index(symbol) for symbol in text]))
    assert table.shape == (len(text), 3) and table.dtype == bool
    for step, row in enumerate(table):
        expected = allowed_by_trial(text[: step + 1])
        assert {SYMBOLS[index] for index in np.flatnonzero(row)} == expected, text[: step + 1]


def test_every_target_is_legal_and_judged_ones_are_certain() -> None:
    task = make()
    batch = task.finite_set("validation")
    for inputs, targets, counts, length in zip(
        batch.inputs, batch.targets, batch.step_mask(), batch.lengths.tolist(), strict=True
    ):
        table = task.legal(inputs)
        assert table[np.arange(length), targets[:length]].all()
        assert (table[counts].sum(axis=1) == 1).all() and not table[length:].any()


def test_the_baseline_by_hand() -> None:
    # Training has 1 + ... + 20 = 210 b, 20 of them the last; the two judged steps of a string both follow a b.
    share = 20 / 210
    baseline = make().baseline()
    assert baseline.loss == pytest.approx(-(np.log(share) + np.log(1 - share)) / 2, rel=1e-6)
    assert baseline.metric == 0.5


def test_explanation_says_where_the_end_is_expected() -> None:
    task = make()
    inputs = np.array([0, 1, 1, 1, 2, 2, 2, 0, 0])
    targets = np.array([1, 1, 1, 2, 2, 2, 0, 0, 0])
    right = np.eye(3)[targets]
    told = task.explain(inputs, targets, 7, right)
    assert (told.title, "".join(told.symbols)) == ("3 a, then 3 b", "|aaabbb")
    assert (told.verdict, told.correct) == ("expects the end after 3 b; it comes after 3", True)
    early = right.copy()
    early[4] = [1, 0, 0]
    told = task.explain(inputs, targets, 7, early)
    assert (told.verdict, told.correct) == ("expects the end after 1 b; it comes after 3", False)
    never = right.copy()
    never[6] = [0, 0, 1]
    assert task.explain(inputs, targets, 7, never).verdict == "never expects the end; it comes after 3 b"


def test_how_closely_a_unit_follows_the_count() -> None:
    trainer = Trainer(Experiment.from_query("task=anbn&cell=rnn&hidden_size=2"))
    trace = trainer.snapshot().trace
    count, states = [], []
    for row, length in enumerate(trace.lengths):
        running = 0
        for step in range(length):
            running += {0: 0, 1: 1, 2: -1}[int(trace.inputs[row, step])]
            count.append(running)
            states.append(trace.layer(0).states["hidden"][row, step])
    expected = max(abs(np.corrcoef(count, unit)[0, 1]) for unit in np.array(states).T)
    assert trainer.task.further_metrics(trace) == {"r": pytest.approx(expected)}


def test_reading_backwards_is_refused() -> None:
    with pytest.raises(SettingError, match="backward"):
        Experiment.default("anbn").replace(bidirectional=True)
