"""The embedded Reber grammar: a symbol near the start decides the last but one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.settings import setting
from rnn_explorer.tasks.base import TASKS, Baseline, Batch, BenchmarkRow, InputSpec, OutputSpec, Source, TaskSettings
from rnn_explorer.tasks.grammar import GrammarTask
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation

SYMBOLS = ("E", "B", "T", "P", "S", "X", "V")
_CODE = {symbol: number for number, symbol in enumerate(SYMBOLS)}
_INNER = {  # state of the inner grammar: its ways on, each a symbol and the state it leads to
    "0": {"B": "1"},
    "1": {"T": "2", "P": "3"},
    "2": {"S": "2", "X": "4"},
    "3": {"T": "3", "V": "5"},
    "4": {"X": "3", "S": "6"},
    "5": {"P": "4", "V": "6"},
    "6": {"E": "out"},
}
START, END = "start", "end"
# The whole: B, then T or P, an inner string, the same T or P again, E.
GRAPH: dict[str, dict[str, str]] = {START: {"B": "choice"}, "choice": {"T": "T0", "P": "P0"}, "last": {"E": END}}
for _branch in "TP":
    GRAPH |= {_branch + state: {s: _branch + to for s, to in ways.items()} for state, ways in _INNER.items()}
    GRAPH[f"{_branch}out"] = {_branch: "last"}


@dataclass(frozen=True)
class ReberSettings(TaskSettings):
    """How long a string may be."""

    max_length: int = setting(
        20, low=12, high=40, unit="symbols", label="Longest string",
        help="Symbols in the longest string; the shortest has 9. Longer ones are left out.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "reads a string of a small grammar and after each symbol names what comes next"


@TASKS.register("reber")
class Reber(GrammarTask):
    """What comes next in a string of the embedded Reber grammar?

    A string is B, then T or P, a string of the Reber grammar, the same T or P again, and E; at every fork both ways are
    equally likely. Inputs: (batch, time) symbols without the last E, with the length of each, padded with E. Targets:
    (batch, time) the next symbol. Judged is the last symbol but one, which is the answer after the inner string's E, in
    strings that are rarer and mostly longer than those trained on.
    """

    key = "reber"
    title = "Embedded Reber grammar"
    order = 130
    summary = "Read a string of a small grammar symbol by symbol and say what comes next, above all near the end."
    teaches = "Grammar with forks where two symbols are possible, and one symbol to be remembered across all of it."
    reading_guide = (
        "At a fork two symbols are possible and the probability should be shared between them; all others should have "
        "none. That much takes little memory. The last symbol but one is the T or P that stood second: validation "
        "judges this alone, so its metric rests at one half until the memory holds, and then is soon 100 %. The "
        "training curves cover every symbol and cannot become perfect, since forks are a matter of chance; the two are "
        "not to be compared. Colored are the sequences with T and with P to remember: see their paths part."
    )
    source = Source(
        citation="A. S. Reber (1967), Implicit learning of artificial grammars, Journal of Verbal Learning and Verbal "
        "Behavior 6; embedded in A. Cleeremans, D. Servan-Schreiber and J. L. McClelland (1989), Finite state automata "
        "and simple recurrent networks, Neural Computation 1(3), doi:10.1162/neco.1989.1.3.372; as in S. Hochreiter "
        "and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9(8), task 1",
        license="generated here",
        url="https://doi.org/10.1162/neco.1989.1.3.372",
    )
    settings_class = ReberSettings
    draws = 2048  # of which some 270 are different
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "hidden_size": 16,
        "learning_rate": 1e-2,
        "batch_size": 32,
        "steps": 800,
    }
    benchmarks = (BenchmarkRow("", {"rnn": "400-800", "lstm": "300-600", "gru": "550-1300"}),)
    input = InputSpec("symbols", len(SYMBOLS), SYMBOLS)
    output = OutputSpec("classes_per_step", len(SYMBOLS), SYMBOLS)
    settings: ReberSettings

    def draw(self, generator: np.random.Generator, size: int) -> Batch:
        longest = self.settings.max_length
        coins = generator.integers(2, size=(size, longest))
        found, lengths = np.zeros((size, longest), dtype=np.int64), np.zeros(size, dtype=np.int64)
        for row, string in enumerate(walk(coin) for coin in coins):
            found[row, : len(string)], lengths[row] = [_CODE[symbol] for symbol in string], len(string)
        whole = lengths > 0
        symbols = found[whole]
        return Batch(symbols[:, :-1], symbols[:, 1:], lengths[whole] - 1)

    def judged(self, batch: Batch) -> Array:
        assert batch.lengths is not None
        return np.arange(batch.inputs.shape[1]) == batch.lengths[:, None] - 2

    def legal(self, inputs: Array) -> Array:
        """The symbols that the grammar allows after each step: one, or two at a fork.

        Args:
            inputs: (time,) one string as in a batch, with or without padding.

        Returns:
            (time, 7) bool; rows without any True from where the string has ended or broken the grammar.
        """
        allowed = np.zeros((len(inputs), len(SYMBOLS)), dtype=bool)
        state = START
        for step, symbol in enumerate(inputs.tolist()):
            state = GRAPH[state].get(SYMBOLS[symbol], END)
            if state == END:
                break
            allowed[step, [_CODE[way] for way in GRAPH[state]]] = True
        return allowed

    def baseline(self) -> Baseline:
        return Baseline(
            math.log(2),
            0.5,
            "sees the last symbol alone: after the inner E it guesses T or P, which are equally likely, on the "
            f"{self.judged_split} set as on any",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        text, right = "".join(SYMBOLS[symbol] for symbol in inputs[:length]), int(targets[length - 2])
        verdict, correct = class_verdict(answers[length - 2], right, SYMBOLS, f"must be {SYMBOLS[right]}")
        return Explanation(
            kind="symbols",
            title=f"{text}E",
            verdict=f"the last but one: {verdict}",
            correct=correct,
            length=length,
            symbols=tuple(text),
            class_names=SYMBOLS,
            probabilities=answers[:length],
            target_classes=targets[:length],
        )

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        """The symbol to be remembered."""
        return (batch.inputs[:, 1] == _CODE["P"]).astype(np.int64), ("T to remember", "P to remember")


def walk(coins: Array) -> str:
    """One string of the grammar, E included; "" for one with more symbols than there are coins.

    Args:
        coins: (longest,) of 0 and 1: which way to go where there are two.
    """
    state, text = START, ""
    for coin in coins:
        ways = GRAPH[state]
        symbol = list(ways)[coin % len(ways)]
        text, state = text + symbol, ways[symbol]
        if state == END:
            return text
    return ""
