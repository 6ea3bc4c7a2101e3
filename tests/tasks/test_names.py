"""Surnames as symbols, back again, and the last-letter baseline."""

from __future__ import annotations

import csv
import math
from collections import defaultdict

import numpy as np

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import SPLITS, Batch
from rnn_explorer.tasks.names import LANGUAGES, POOL, Names


def make(**changes: object) -> Names:
    task = Experiment.default("names").replace(**changes).make_task()
    assert isinstance(task, Names)
    return task


def spell(task: Names, batch: Batch) -> list[tuple[str, str]]:
    """(name in lower case, language) of each sequence."""
    return [
        ("".join(task.input.names[letter] for letter in letters[:length]), task.output.names[language])
        for letters, length, language in zip(
            batch.inputs.tolist(), batch.lengths.tolist(), batch.targets.tolist(), strict=True
        )
    ]


def test_all_names_come_back_with_their_language() -> None:
    task = make()
    found = [pair for split in SPLITS for pair in spell(task, task.finite_set(split))]
    with (files.FOLDER / "surnames.csv").open(encoding="utf-8", newline="") as file:
        told = [(row["name"].lower(), LANGUAGES[row["language"]]) for row in csv.DictReader(file)]
    assert sorted(found) == sorted(told)


def test_symbol_0_is_padding_alone() -> None:
    task = make()
    assert task.input.names[0] == "" and all(len(name) == 1 for name in task.input.names[1:])
    batch = task.finite_set("train")
    real = np.arange(16)[None, :] < batch.lengths[:, None]
    assert np.array_equal(batch.inputs > 0, real)


def test_the_largest_training_size_means_all() -> None:
    assert make(val_split=0.0).train_size == POOL
    assert make(train_size=300).train_size == 300


def test_every_language_is_in_every_split() -> None:
    task = make()
    for split in SPLITS:
        assert len(set(task.finite_set(split).targets.tolist())) == 10


def test_baseline_by_counting_last_letters() -> None:
    task = make(train_size=500)
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(LANGUAGES.values(), 1))
    for name, language in spell(task, task.finite_set("train")):
        counts[name[-1]][language] += 1
    losses, hits = [], []
    for name, language in spell(task, task.finite_set("validation")):
        row = counts[name[-1]]
        losses.append(-math.log(row[language] / sum(row.values())))
        hits.append(max(row, key=row.__getitem__) == language)
    baseline = task.baseline()
    assert math.isclose(baseline.loss, sum(losses) / len(losses), rel_tol=1e-9)
    assert math.isclose(baseline.metric, sum(hits) / len(hits), rel_tol=1e-9)
    assert baseline.loss < math.log(10) and baseline.metric > 0.3


def test_explanation_spells_the_name_with_its_capitals() -> None:
    task = make()
    said = np.full((16, 10), 0.05)
    said[:, list(LANGUAGES).index("nl")] = 0.55
    names = dict(zip((name.lower() for name in files.columns("surnames")["name"]), range(10**6), strict=False))
    assert "van der mast" in names
    for split in SPLITS:
        batch = task.finite_set(split)
        for row, (name, _) in enumerate(spell(task, batch)):
            if name == "van der mast":
                told = task.explain(batch.inputs[row], batch.targets[row], 12, said)
                assert told.title == "van der Mast" and told.correct
                assert told.verdict == "says Dutch (55 %), it is Dutch"
                assert "".join(told.symbols) == "van␣der␣mast" and told.probabilities.shape == (12, 10)
                return
    raise AssertionError("the name is in no split")
