"""The character model: where its sequences lie, the table of pairs, and what is shown of an answer."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment, SettingError
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import SPLITS
from rnn_explorer.tasks.char_lm import CharLM, Corpus
from rnn_explorer.tasks.characters import ROWS


def make(**changes: object) -> CharLM:
    task = Experiment.default("char_lm").replace(**changes).make_task()
    assert isinstance(task, CharLM)
    return task


def spell(task: CharLM, codes: np.ndarray) -> str:
    return "".join(task.input.names[code] for code in codes.tolist())


def test_a_corpus_gives_its_text_back() -> None:
    corpus = Corpus.of("a few words", "naïve — \U0001f40b\nno")
    assert "".join(corpus.alphabet[code] for code in corpus.codes.tolist()) == corpus.text
    assert corpus.alphabet == tuple(sorted(set(corpus.text)))


@pytest.mark.parametrize("changes", [{}, {"seq_len": 16}, {"seq_len": 200, "val_split": 0.01}, {"val_split": 0.0}])
def test_each_part_is_a_stretch_of_the_text_and_sequences_do_not_overlap(changes: dict[str, float]) -> None:
    task = make(**changes)
    text, length = files.text("moby_dick"), task.settings.seq_len
    end_of_last = 0
    for split in SPLITS:
        start, end = task.parts[split]
        assert start == end_of_last
        end_of_last, part, batch = end, text[start:end], task.finite_set(split)
        whole = [part[at : at + length + 1] for at in range(0, len(part) - length, length)]
        assert len(batch) == (len(whole) if split == "train" else min(len(whole), 256))
        found = [spell(task, x) + spell(task, y)[-1] for x, y in zip(batch.inputs, batch.targets, strict=True)]
        if len(found) == len(whole):
            assert found == whole
        else:
            at = [int(number * (len(whole) - 1) / 255 + 1e-3) for number in range(256)]
            assert found == [whole[number] for number in at] and len(set(at)) == 256
        assert np.array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert end_of_last == len(text)


def test_probes_come_from_everywhere_in_the_part() -> None:
    task = make()
    starts = [task.corpus.text.index(spell(task, row)) for row in task.probe().inputs]
    first, end = task.parts["validation"]
    assert starts == sorted(starts) and starts[0] == first and starts[-1] > end - 2 * 48 - 1
    assert min(np.diff(starts)) > 4000


def test_the_table_of_pairs_by_counting() -> None:
    task = make(seq_len=20)
    text = files.text("moby_dick")[slice(*task.parts["train"])]
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for one, other in itertools.pairwise(text):
        after[one][other] += 1
    usage, alphabet = Counter(text), task.input.names
    losses, hits = [], []
    batch = task.finite_set("validation")
    for now, following in zip(map(list, (spell(task, row) for row in batch.inputs)), batch.targets, strict=True):
        for one, other in zip(now, spell(task, following), strict=True):
            row = {symbol: after[one][symbol] + (usage[symbol] + 1) / 100 for symbol in alphabet}
            losses.append(-math.log(row[other] / sum(row.values())))
            hits.append(max(row, key=row.__getitem__) == other)
    baseline = task.baseline()
    assert baseline.loss == pytest.approx(sum(losses) / len(losses), rel=1e-9)
    assert baseline.metric == pytest.approx(sum(hits) / len(hits))
    assert 2.4 < baseline.loss < 2.7 < math.log(len(alphabet))


def test_an_answer_is_shown_for_what_comes_and_for_what_is_used_most() -> None:
    task = make()
    probe = task.probe()
    inputs, targets = probe.inputs[2], probe.targets[2]
    rng = np.random.default_rng(0)
    answers = rng.dirichlet(np.ones(task.output.size), 48).astype(np.float32)
    told = task.explain(inputs, targets, 48, answers)
    assert "".join(told.symbols) == spell(task, probe.inputs[2])
    assert told.title == f"Moby Dick, from character {task.corpus.text.index(''.join(told.symbols)) + 1:,}"
    assert len(told.class_names) == max(ROWS, len(set(targets.tolist()))) and told.class_names[:2] == ("␣", "e")
    plain = {"␣": " ", "⏎": "\n"}
    for step in range(48):
        name = told.class_names[told.target_classes[step]]
        assert plain.get(name, name) == task.output.names[targets[step]]
        assert told.probabilities[step, told.target_classes[step]] == answers[step, targets[step]]
    loss = -np.log(answers[np.arange(48), targets]).mean()
    right = int((answers.argmax(axis=1) == targets).sum())
    assert told.verdict == f"guesses {right} of 48 characters; {loss:.3g} nats a character"


def test_a_text_that_is_not_in_the_book_is_explained_all_the_same() -> None:
    task = make(seq_len=16)
    inputs = np.array([task.input.names.index(symbol) for symbol in "zzzzqqqq" * 2])
    told = task.explain(inputs, inputs, 16, np.full((16, task.output.size), 1 / task.output.size))
    assert told.title == "Moby Dick" and told.symbols == tuple("zzzzqqqq" * 2)


def test_a_backward_layer_is_refused() -> None:
    with pytest.raises(SettingError, match="read the answers"):
        make(bidirectional=True)
