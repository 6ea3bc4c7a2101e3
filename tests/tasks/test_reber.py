"""The embedded Reber grammar against the same grammar as a regular expression."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.reber import SYMBOLS, Reber, walk

# Reber's drawing read off by hand: after B the upper way (T S* X ...) or the lower (P T* V ...), which cross over.
LOWER = "T*V(?:PXT*V)*(?:V|PS)"
INNER = f"B(?:TS*X(?:S|X{LOWER})|P{LOWER})E"
WHOLE = re.compile(f"BT{INNER}TE|BP{INNER}PE")


def make(**changes: object) -> Reber:
    task = Experiment.default("reber").replace(**changes).make_task()
    assert isinstance(task, Reber)
    return task


def strings(task: Reber, split: str) -> list[str]:
    batch = task.finite_set(split)  # type: ignore[arg-type]
    assert batch.lengths is not None
    found = []
    for inputs, targets, length in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.lengths, strict=True):
        text = "".join(SYMBOLS[symbol] for symbol in [*inputs[:length], targets[length - 1]])
        assert inputs[1:length] == targets[: length - 1]
        found.append(text)
    return found


@pytest.mark.parametrize("max_length", [12, 20, 40])
def test_every_string_is_of_the_grammar_and_not_too_long(max_length: int) -> None:
    task = make(max_length=max_length)
    for split in task.parts:
        for text in strings(task, split):
            assert WHOLE.fullmatch(text) and len(text) <= max_length


def test_all_strings_up_to_twelve_symbols_are_found() -> None:
    # Inner strings of 5, 6, 7 and 8 symbols: 2, 3, 4 and 7, by trying all; each stands between two T or two P.
    expected = set()
    for inside in itertools.chain.from_iterable(itertools.product("TPSXV", repeat=n) for n in range(3, 7)):
        inner = "B" + "".join(inside) + "E"
        if re.fullmatch(INNER, inner):
            expected |= {f"BT{inner}TE", f"BP{inner}PE"}
    task = make(max_length=12)
    assert len(expected) == 32
    assert set().union(*(strings(task, split) for split in task.parts)) == expected


def test_forks_are_taken_equally_often() -> None:
    coins = np.random.default_rng(0).integers(2, size=(8000, 60))
    shares = Counter(walk(row) for row in coins)
    # A fork at the start, one after the inner B, then T X S: two forks, each way one half.
    for text, share in (("BTBTXSETE", 1 / 16), ("BPBTXSEPE", 1 / 16), ("BTBPVVETE", 1 / 16), ("BTBTSXSETE", 1 / 32)):
        assert shares[text] / 8000 == pytest.approx(share, abs=0.01)
    assert walk(np.zeros(8, dtype=int)) == ""  # nine symbols are the least


def allowed_by_trial(prefix: str, words: set[str]) -> set[str]:
    return {word[len(prefix)] for word in words if word.startswith(prefix) and len(word) > len(prefix)}


def test_legal_is_what_some_string_goes_on_with() -> None:
    task = make()
    words = set().union(*(strings(make(max_length=40, seed=seed), "train") for seed in range(3)))
    codes = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    for text in ("BTBTXSET", "BPBPVVEP", "BTBTSSXXVPSET", "BPBTXXTVVEP"):
        table = task.legal(np.array([codes[symbol] for symbol in text]))
        for step, row in enumerate(table):
            legal = {SYMBOLS[index] for index in np.flatnonzero(row)}
            assert legal == allowed_by_trial(text[: step + 1], words), text[: step + 1]
    broken = task.legal(np.array([codes[symbol] for symbol in "BTBVTXSET"]))
    assert broken[:3].any(axis=1).all() and not broken[3:].any()


def test_targets_are_legal_and_the_judged_one_is_certain() -> None:
    task = make()
    batch = task.finite_set("test")
    for inputs, targets, counts, length in zip(
        batch.inputs, batch.targets, batch.step_mask(), batch.lengths.tolist(), strict=True
    ):
        table = task.legal(inputs)
        assert table[np.arange(length), targets[:length]].all() and not table[length:].any()
        assert np.flatnonzero(counts).tolist() == [length - 2]
        assert table[length - 2].sum() == 1 and targets[length - 2] == inputs[1]


def test_training_counts_every_step_and_knows_the_shortest_strings() -> None:
    task = make()
    train = task.finite_set("train")
    assert train.mask is None
    common = Counter(strings(task, "train"))
    assert common["BTBTXSETE"] > 50  # one in sixteen
    assert set(strings(task, "validation")).isdisjoint(common)


def test_which_symbol_is_to_be_remembered_is_equally_likely() -> None:
    task = make()
    drawn = task.draw(np.random.default_rng(0), 4000)
    labels, names = task.labels(drawn)
    assert names == ("T to remember", "P to remember")
    assert float(labels.mean()) == pytest.approx(0.5, abs=0.03)
    assert all(SYMBOLS[int(row[1])] == names[label][0] for row, label in zip(drawn.inputs, labels, strict=True))


def test_explanation_is_about_the_last_symbol_but_one() -> None:
    task = make()
    codes = [SYMBOLS.index(symbol) for symbol in "BPBTXSEPE"]
    inputs, targets = np.array([*codes[:-1], 0, 0]), np.array([*codes[1:], 0, 0])
    answers = np.tile(np.eye(7)[SYMBOLS.index("T")] * 0.6 + np.eye(7)[SYMBOLS.index("P")] * 0.4, (10, 1))
    told = task.explain(inputs, targets, 8, answers)
    assert (told.title, told.verdict) == ("BPBTXSEPE", "the last but one: says T (60 %), must be P")
    assert told.correct is False
    answers[6] = np.eye(7)[SYMBOLS.index("P")]
    told = task.explain(inputs, targets, 8, answers)
    assert (told.verdict, told.correct) == ("the last but one: says P (100 %), must be P", True)


def test_reading_backwards_is_refused() -> None:
    with pytest.raises(SettingError, match="backward"):
        Experiment.default("reber").replace(bidirectional=True)
