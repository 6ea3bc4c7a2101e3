"""One sentence that says what is going on: which network does what, from an experiment's settings."""

from __future__ import annotations

from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.style import cell_name

LONGEST = 110  # characters: one line above the figures


def sentence(experiment: Experiment) -> str:
    """Such as: An LSTM reads a surname one letter per time step, then names its language."""
    model = experiment.model
    words = [f"{model.num_layers}-layer"] * (model.num_layers > 1) + ["bidirectional"] * model.bidirectional
    words.append(cell_name(model.cell))
    article = "An" if words[0] in ("RNN", "LSTM") else "A"
    return f"{article} {' '.join(words)} {experiment.task_settings.does}."
