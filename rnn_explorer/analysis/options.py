"""Options that several analyses have: which sequence, which layer.

Each analysis declares its own as a class of `Settings` beside its record. What the model decides, such as how many
layers there are, the analysis checks itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnn_explorer.settings import Settings, setting
from rnn_explorer.trace import Direction


@dataclass(frozen=True)
class SequenceOptions(Settings):
    """Which of the fixed sequences that every figure shows."""

    sequence: int = setting(0, label="Sequence", help="Which of the probe sequences, from 0.")


@dataclass(frozen=True)
class LayerOptions(Settings):
    """Which recurrent layer, read in which direction."""

    layer: int = setting(0, label="Layer", help="Which recurrent layer, from 0, nearest the input first.")
    direction: Direction = setting("forward", label="Direction", help="The direction of reading.")
