"""What can be said of each place in a text: how far along it is, what kind of character stands there, what is open.

Source: A. Karpathy, J. Johnson, L. Fei-Fei, "Visualizing and understanding recurrent networks" (2015),
https://arxiv.org/abs/1506.02078, who found units that follow the position in a line, quotes and brackets.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from rnn_explorer.trace import Array

FEW_SYMBOLS = 30  # up to so many, each symbol has a feature of its own
COUNTED_SYMBOLS = 8  # up to so many, each is counted, too, and every two counts are compared

CLASSES: dict[str, Callable[[str], bool]] = {
    "upper case": str.isupper,
    "a vowel": lambda symbol: unicodedata.normalize("NFD", symbol.lower())[:1] in tuple("aeiou"),
    "a digit": str.isdigit,
    "a space": str.isspace,
    "punctuation": lambda symbol: bool(symbol) and unicodedata.category(symbol[0])[0] in "PS",
}
_COUNTED = {
    "upper case": "upper case so far", "a vowel": "vowels so far", "a digit": "digits so far",
    "a space": "spaces so far", "punctuation": "punctuation so far",
}  # fmt: skip


def text_features(codes: Array, alphabet: Sequence[str]) -> tuple[tuple[str, ...], Array]:
    """The features of every place of some sequences, each read from its own beginning.

    What does not occur in the alphabet makes no feature. A straight quotation mark opens or closes in turn and the end
    of a line closes it; a bracket that closes without having been opened, as where a sequence begins inside, is passed
    over.

    Args:
        codes: (batch, time) whole numbers, the places of the symbols in `alphabet`.
        alphabet: every symbol as text; "" for padding.

    Returns:
        The features' names, and (batch, time, features) float64: the value at each place, the symbol there included.
    """
    symbols = np.array(alphabet, dtype=object)
    position = np.broadcast_to(np.arange(1.0, codes.shape[1] + 1), codes.shape)
    found: dict[str, Array] = {"position": position}
    kinds = {name: _places(codes, symbols, test) for name, test in CLASSES.items()}
    line_ends = _places(codes, symbols, lambda symbol: symbol == "\n")
    if any(map(str.isspace, alphabet)):
        found["since the last space"] = _since(kinds["a space"])
    if "\n" in alphabet:
        found["since the last line end"] = _since(line_ends)
    for name, test in CLASSES.items():
        if any(map(test, alphabet)):
            found[f"is {name}"] = kinds[name]
            found[_COUNTED[name]] = np.cumsum(kinds[name], axis=1)
    if set('"“«') & set(alphabet):
        found["inside quotes"] = _quotes(codes, symbols, line_ends)
    if set("([{") & set(alphabet):
        found["depth of brackets"] = _depth(codes, symbols, "([{", ")]}")
    found |= _single(codes, alphabet)
    return tuple(found), np.stack([np.asarray(values, dtype=np.float64) for values in found.values()], axis=-1)


def _single(codes: Array, alphabet: Sequence[str]) -> dict[str, Array]:
    """Features of single symbols, for small alphabets."""
    real = [number for number, symbol in enumerate(alphabet) if symbol]
    if len(real) > FEW_SYMBOLS:
        return {}
    at = {alphabet[number]: (codes == number).astype(np.float64) for number in real}
    found = {f"is {symbol!r}": values for symbol, values in at.items()}
    if len(real) <= COUNTED_SYMBOLS:
        counts = {symbol: np.cumsum(values, axis=1) for symbol, values in at.items()}
        found |= {f"{symbol!r} so far": count for symbol, count in counts.items()}
        found |= {f"{one!r} less {two!r}": counts[one] - counts[two] for one, two in itertools.combinations(counts, 2)}
    return found


def _places(codes: Array, symbols: Array, test: Callable[[str], bool]) -> Array:
    """(batch, time) 1 where a symbol passes the test, else 0."""
    return np.array([float(test(symbol)) for symbol in symbols])[codes]


def _since(marks: Array) -> Array:
    """(batch, time): steps since the last mark, 0 at it; before the first, steps since the beginning."""
    steps = np.arange(1, marks.shape[1] + 1)
    return steps - np.maximum.accumulate(np.where(marks > 0, steps, 0), axis=1)


def _quotes(codes: Array, symbols: Array, line_ends: Array) -> Array:
    """(batch, time): how many quotations are open."""
    marks = np.cumsum(_places(codes, symbols, lambda symbol: symbol == '"'), axis=1)
    at_line_end = np.maximum.accumulate(np.where(line_ends > 0, marks, 0), axis=1)
    return (marks - at_line_end) % 2 + _depth(codes, symbols, "“«", "”»")


def _depth(codes: Array, symbols: Array, opening: str, closing: str) -> Array:
    """(batch, time): how many brackets are open."""
    change = _places(codes, symbols, lambda symbol: symbol != "" and symbol in opening) - _places(
        codes, symbols, lambda symbol: symbol != "" and symbol in closing
    )
    total = np.cumsum(change, axis=1)
    return total - np.minimum(np.minimum.accumulate(total, axis=1), 0)
