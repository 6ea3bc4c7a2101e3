"""The question behind every picture of the past: what the model of that step does with the probe sequences."""

from __future__ import annotations

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.settings import Settings
from rnn_explorer.training.snapshots import SequenceInfo, snapshot_of


@analysis("snapshot")
def snapshot(frozen: FrozenModel, options: Settings) -> Progress:
    """A `Snapshot` as the trainer would have taken it at that step."""
    yield 0.0
    info = SequenceInfo.of(frozen.task, frozen.probe.numpy())
    return snapshot_of(frozen.model, frozen.task, frozen.probe, info, frozen.step, frozen.epoch)
