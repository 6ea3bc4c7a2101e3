"""Texts of one's own: stretches for a character model, labeled lines, and what is said of those that do not do."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import PROBES, SPLITS, Batch, Task
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.alphabet import OTHER, Alphabet
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.tasks.user_data.text import OwnText, suggested
from rnn_explorer.tasks.user_data.text_file import Text
from rnn_explorer.tasks.user_data.text_settings import OwnTextSettings, example
from rnn_explorer.training import Trainer

FOX = "The quick brown fox jumps over the lazy dog.\n"
PROSE = "".join(f"{FOX}Line {number} of {number * 37 % 101} says so.\n" for number in range(60))


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


def make(content: str, val_split: float = 0.2, **changes: object) -> Task:
    token = store.put(content.encode(), "a.txt")
    return Experiment.default("own_text").replace(data=token, val_split=val_split, **changes).make_task()


def refusal(content: str, **changes: object) -> SettingError:
    with pytest.raises(SettingError) as caught:
        make(content, **changes)
    assert len(str(caught.value)) < 400 and str(caught.value)[-1] in ".?"
    return caught.value


def spelled(task: Task, batch: Batch) -> list[str]:
    """Each sequence as text, with its last target where there is one a step."""
    lengths = [batch.inputs.shape[1]] * len(batch) if batch.lengths is None else batch.lengths.tolist()
    ends = batch.targets[:, -1:].tolist() if batch.targets.ndim == 2 else [[]] * len(batch)
    names = task.input.names
    return [
        "".join(names[code] for code in [*codes[:length], *end])
        for codes, length, end in zip(batch.inputs.tolist(), lengths, ends, strict=True)
    ]


# -- characters -------------------------------------------------------------------------------------------------


def test_stretches_are_those_of_the_text_in_order() -> None:
    task = make(PROSE, seq_len=20)
    test = round(0.2 * len(PROSE))
    validation = round(0.2 * (len(PROSE) - test))
    parts = {
        "train": PROSE[: -test - validation],
        "validation": PROSE[-test - validation : -test],
        "test": PROSE[-test:],
    }
    assert spelled(task, task.finite_set("train")) == [
        parts["train"][n : n + 21] for n in range(len(parts["train"]) - 20)
    ]
    for split in ("validation", "test"):
        found = spelled(task, task.finite_set(split))
        assert len(found) == 256 and all(stretch in parts[split] for stretch in found)
        assert found[0] == parts[split][:21] and found[-1] == parts[split][-21:]
    batch = task.finite_set("test")
    assert (batch.inputs[:, 1:] == batch.targets[:, :-1]).all()


def test_the_baseline_is_a_table_of_pairs() -> None:
    task = make(PROSE, seq_len=20)
    validation = round(0.2 * (len(PROSE) - round(0.2 * len(PROSE))))
    train = PROSE[: -round(0.2 * len(PROSE)) - validation]
    pairs, singles = Counter(itertools.pairwise(train)), Counter(train)
    alphabet = task.input.names
    losses = []
    for stretch in spelled(task, task.finite_set("validation")):
        for now, after in itertools.pairwise(stretch):
            row = {other: pairs[now, other] + (singles[other] + 1) / 100 for other in alphabet}
            losses.append(-math.log(row[after] / sum(row.values())))
    assert task.baseline().loss == pytest.approx(np.mean(losses), rel=1e-6)
    assert 0 < task.baseline().metric < 1


def test_an_explanation_shows_what_cannot_be_seen() -> None:
    task = make(PROSE, seq_len=60)
    batch = task.evaluation("validation")
    codes, targets = batch.inputs[0], batch.targets[0]
    told = task.explain(codes, targets, 60, np.eye(task.output.size)[targets])
    assert "⏎" in told.symbols and "␣" in told.symbols and all(told.symbols)
    assert told.verdict == "guesses 60 of 60 characters; 0 nats a character"
    assert told.title == f"from character {PROSE.index(spelled(task, batch.select([0]))[0]) + 1:,}"
    rows = [told.class_names[row] for row in told.target_classes]
    assert rows[:-1] == list(told.symbols[1:]) and told.probabilities.shape == (60, len(told.class_names))


def test_rare_characters_become_one() -> None:
    rare = "".join(chr(0x4E00 + number) for number in range(150))
    task = make(rare + PROSE * 3, seq_len=20)
    assert task.input.size == 100 and task.input.names[-1] == OTHER
    assert "characters of the text (" in task.notes[0] and f"read as {OTHER}." in task.notes[0]
    stretch = spelled(task, task.finite_set("train"))[100]
    assert stretch == OTHER * 21, "the first that come are kept, where all are equally rare"


def test_characters_that_come_only_later_are_other() -> None:
    task = make(PROSE + "ÄÖÜ" * 3, seq_len=20)
    assert not set("ÄÖÜ") & set(task.input.names) and task.input.names[-1] == OTHER
    assert spelled(task, task.finite_set("test"))[-1].endswith(OTHER * 9)
    assert task.notes == (
        f"9 characters of the text (0.22 %) are rare or not in the training part, and read as {OTHER}.",
    )


def test_an_alphabet_keeps_the_commonest() -> None:
    alphabet = Alphabet.of("aab", "aab", padded=True)
    assert alphabet.names == ("", "a", "b") and alphabet.notes == ()
    assert alphabet.codes("ba").tolist() == [2, 1]
    assert Alphabet.of("aab", "aab" * 9 + "\U0001f600", padded=False).codes("a\U0001f600b").tolist() == [0, 2, 1]
    assert Alphabet.of(f"aab{OTHER}", f"aab{OTHER}" + "ab" * 9, padded=False).names == ("a", "b", OTHER)
    with pytest.raises(DataError, match="50 % are characters that do not occur"):
        Alphabet.of("aab", "aabxxx", padded=False)


# -- labels -----------------------------------------------------------------------------------------------------

LINES = [f"{('odd', 'even')[n % 2]}\tnumber {n * 7919 % 10007}{'!' * (n % 2)}" for n in range(100)]


def test_labeled_lines_are_cut_without_overlap() -> None:
    task = make("\n".join([*LINES, LINES[3], LINES[4]]), kind="labels")
    assert task.output.names == ("odd", "even") and task.notes[0] == "2 repeated lines are left out."
    found = []
    for split in SPLITS:
        batch = task.finite_set(split)
        found += [
            f"{task.output.names[target]}\t{text}"
            for target, text in zip(batch.targets.tolist(), spelled(task, batch), strict=True)
        ]
        assert abs(float(batch.targets.mean()) - 0.5) < 0.1, "the labels are shared out"
        real = batch.inputs > 0
        assert real.sum(axis=1).tolist() == batch.lengths.tolist()
    assert sorted(found) == sorted(LINES)
    assert {split: len(task.finite_set(split)) for split in SPLITS} == {"train": 64, "validation": 16, "test": 20}


def test_a_text_under_two_labels_is_told() -> None:
    task = make("\n".join([*LINES, LINES[2].replace("odd", "even"), LINES[4].replace("odd", "even")]), kind="labels")
    shown = LINES[2].split("\t")[1]
    told = f"2 texts stand under more than one label ('{shown}' under 'odd' and 'even'), so no model can be right"
    assert any(note.startswith(told) for note in task.notes), task.notes
    assert not any("more than one label" in note for note in make("\n".join(LINES), kind="labels").notes)


def test_long_lines_are_cut_off_and_told() -> None:
    task = make("\n".join(LINES), kind="labels", seq_len=9)
    assert task.longest == 9 and task.notes[-1].endswith("texts are cut off after 9 characters.")


def test_the_baseline_knows_the_last_character() -> None:
    assert make("\n".join(LINES), kind="labels").baseline().metric == 1.0


def test_an_explanation_of_a_line() -> None:
    task = make("\n".join(LINES), kind="labels")
    batch = task.finite_set("validation")
    length, text = int(batch.lengths[0]), spelled(task, batch)[0]
    target = int(batch.targets[0])
    said = np.tile(np.eye(2)[target], (length, 1))
    told = task.explain(batch.inputs[0], batch.targets[0], length, said)
    assert told.title == text and told.correct and told.target_class == target
    assert "".join(told.symbols) == text.replace(" ", "␣")


def test_a_large_file_is_judged_on_a_part() -> None:
    task = make("\n".join(f"{'ab'[n % 2]}\tline {n}" for n in range(12_000)), kind="labels")
    assert len(task.finite_set("validation")) == len(task.finite_set("test")) == 1000


# -- what does not do -------------------------------------------------------------------------------------------

BAD = {
    "too short": ("abc def " * 5, {}, "data", "That is too short; bring 48 characters at least"),
    "too short for the length": ("abc def " * 15, {}, "seq_len", "a sequence length (seq_len) of at most 32, or bring"),
    "one character": ("a" * 1000, {}, "data", "is one character over and over"),
    "too many characters": (
        "".join(chr(0x4E00 + number % 3000) for number in range(9000)),
        {},
        "data",
        "has 3,000 different characters",
    ),
    "an end of another kind": (FOX * 10 + "0123456789" * 20, {}, "data", "do not occur in its training part"),
    "no tabs": (PROSE, {"kind": "labels"}, "data", "Line 1 has no tab: 'The quick brown fox jumps over the lazy"),
    "one label": (
        "\n".join(f"a\tline {n}" for n in range(50)),
        {"kind": "labels"},
        "data",
        "holds one class only ('a')",
    ),
    "too many labels": (
        "\n".join(f"{n}\tline {n}" for n in range(500)),
        {"kind": "labels"},
        "data",
        "500 different values",
    ),
    "a rare label": (
        "\n".join([*LINES, "rare\tx", "rare\ty", "rare\ty"]),
        {"kind": "labels"},
        "data",
        "The label 'rare' has 2 lines only",
    ),
    "too few lines": (
        "\n".join(LINES[:14]),
        {"kind": "labels"},
        "data",
        "There are too few lines (14 different ones of 2",
    ),
    "lines that are all the same": (
        "a\tx\nb\ty\n" * 40,
        {"kind": "labels"},
        "data",
        "The label 'a' has 1 line only",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learned_is_told(case: str) -> None:
    content, changes, field, words = BAD[case]
    error = refusal(content, **changes)
    assert words in str(error) and error.field == field, error


def test_a_table_is_no_text_and_data_may_be_gone() -> None:
    token = store.put(b"a,b\n1,2\n2,3\n", "a.csv")
    with pytest.raises(SettingError, match="The upload is a table, not a text"):
        Experiment.default("own_text").replace(data=token).make_task()
    store.drop(token)
    with pytest.raises(SettingError, match="uploaded by somebody else or is gone"):
        Experiment.default("own_text").replace(data=token).make_task()


# -- the rest ---------------------------------------------------------------------------------------------------


def test_what_suits_a_text() -> None:
    lines, prose = read("\n".join(LINES).encode(), "a.txt"), read(PROSE[:120].encode(), "a.txt")
    assert isinstance(lines, Text) and isinstance(prose, Text)
    assert suggested(lines, {}) == {"kind": "labels"}
    assert suggested(prose, {}) == {"kind": "characters", "seq_len": 120 // 3 - PROBES}
    assert suggested(prose, {"kind": "labels", "seq_len": "9"}) == {}
    short = FOX * 3
    make(short, **suggested(Text("", short, "characters"), {}))


def test_the_example_is_in_no_order() -> None:
    pairs, repeated = example().pairs()
    assert len(pairs) == 8686 and not repeated
    assert len({label for label, _ in pairs[:100]}) == 10


def test_backward_layers_would_only_copy_the_next_character() -> None:
    assert OwnText.is_autoregressive(OwnTextSettings())
    assert not OwnText.is_autoregressive(OwnTextSettings(kind="labels"))
    assert OwnTextSettings(data="x").private and not OwnTextSettings().private


@pytest.mark.parametrize("kind", ["characters", "labels"])
def test_a_few_steps_on_a_real_text_help(kind: str) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    content = (
        readme if kind == "characters" else "\n".join(f"{label}\t{name}" for label, name in example().pairs()[0][:2000])
    )
    token = store.put(content.encode(), "a.txt")
    experiment = Experiment.default("own_text").replace(data=token, kind=kind, hidden_size=24, steps=60, seq_len=24)
    trainer = Trainer(experiment)
    before = trainer.opening().val_loss
    trainer.advance(60)
    assert trainer.step_count == 60 and trainer.evaluate("validation")[0] < 0.9 * before
    assert len(trainer.snapshot().explanations) == PROBES
