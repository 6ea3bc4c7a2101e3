"""Made-up recordings, for examples and tests of figures: what a model of a given size might have left."""

from __future__ import annotations

import dataclasses

import numpy as np

from rnn_explorer.trace import Array, Explanation, LayerTrace, Strip

HOSTILE = "<script>alert('&')</script> and a name as long as a file's author likes"


def layer(cell: str, hidden: int, time: int, batch: int = 3, relu: bool = False, scale: float = 3.0) -> LayerTrace:
    """One layer with gates in (0, 1) and states as its cell would make them, all values random."""
    rng = np.random.default_rng(hidden * 1000 + time)
    shape = (batch, time, hidden)

    def signed(size: float = 1.0) -> Array:
        return rng.uniform(-size, size, shape).astype(np.float32)

    def gate() -> Array:
        return rng.uniform(0, 1, shape).astype(np.float32)

    if cell == "lstm":
        gates = {"input": gate(), "forget": gate(), "candidate": signed(), "output": gate()}
        states = {"hidden": signed(), "cell": signed(scale)}
        return LayerTrace(cell, 0, "forward", gates, states, frozenset(gates) - {"candidate"}, "tanh")
    if cell == "gru":
        gates = {"reset": gate(), "update": gate(), "candidate": signed()}
        bounded = frozenset({"reset", "update"})
        return LayerTrace(cell, 1, "backward", gates, {"hidden": signed()}, bounded, "tanh")
    before = signed(scale)
    gates, states = {"pre_activation": before}, {"hidden": np.maximum(before, 0) if relu else np.tanh(before)}
    return LayerTrace(cell, 0, "forward", gates, states, frozenset(), "relu" if relu else "tanh")


def probabilities(time: int, classes: int) -> Array:
    """(time, classes) float32, rows that add up to 1."""
    values = np.random.default_rng(time + classes).uniform(0.01, 1, (time, classes))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def image(time: int = 8, classes: int = 10) -> Explanation:
    """An image of 8 x 8 that is read row by row, or in 64 steps pixel by pixel."""
    cells = np.arange(1.0, 65.0).reshape(8, 8)
    steps = np.arange(1, 65).reshape(8, 8) if time == 64 else np.repeat(np.arange(1, 9)[:, None], 8, axis=1)
    return Explanation(
        "image", "a 3", "says 3", True, time, image=cells, image_steps=steps - 1,
        class_names=tuple(str(number) for number in range(classes)), probabilities=probabilities(time, classes),
        target_class=min(3, classes - 1),
    )  # fmt: skip


def word(length: int, padded: int, classes: int = 4) -> Explanation:
    """Symbols that are markup elsewhere, with one class for all of them."""
    symbols = tuple("<b>& ade fghij"[index % 14] for index in range(padded))
    return Explanation(
        "symbols", "a word", f"says {HOSTILE}", False, length, symbols=symbols,
        class_names=tuple(f"{index} {HOSTILE}" for index in range(classes)),
        probabilities=probabilities(padded, classes), target_class=0,
    )  # fmt: skip


def series(time: int, groups: int = 3, with_classes: bool = False) -> Explanation:
    """Pulses, what is to be held and what is answered, a group each; with classes, one to be said at every step."""
    rng = np.random.default_rng(time)
    strips = []
    for group in range(groups):
        late = np.full(time, np.nan)
        late[-1:] = 1.1
        strips += [
            Strip("pulses", rng.integers(-1, 2, time).astype(float), "input", f"bit {group}"),
            Strip("held", late if group else np.sign(rng.normal(size=time)), "target", f"bit {group}"),
            Strip("answer", rng.normal(size=time), "answer", f"bit {group}"),
        ]
    usual = Explanation("series", "three bits", "MSE 0.02", None, time, strips=tuple(strips))
    if not with_classes:
        return usual
    right = rng.integers(0, 2, time)
    return dataclasses.replace(
        usual, class_names=("a", "b"), probabilities=probabilities(time, 2), target_classes=right
    )


def curve(rows: int) -> dict[str, Array]:
    """Reports of a training that goes well: `step`, `loss`, `metric`."""
    step = np.arange(1, rows + 1) * 3
    return {"step": step, "loss": 2.0 / (1 + step / 30), "metric": 1 - 1 / (1 + step / 30)}
