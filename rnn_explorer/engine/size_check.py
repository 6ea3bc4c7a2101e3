"""Whether an experiment can be trained live, before a run is made of it."""

from __future__ import annotations

import functools

from rnn_explorer.experiment import Experiment
from rnn_explorer.sizes import work_of


def check_size(experiment: Experiment) -> int:
    """Check that an experiment has data, and that its model can be trained live.

    Returns:
        The number of its parameters.

    Raises:
        SettingError: when its data are gone, or do not suit its settings.
        ModelTooLarge: when its model cannot be trained live.
    """
    # The user's data may be gone the next time.
    return (_size if experiment.task_settings.private else _known_size)(experiment)


def _size(experiment: Experiment) -> int:
    work = work_of(experiment, experiment.make_task())
    work.check()
    return work.parameters


_known_size = functools.lru_cache(maxsize=64)(_size)
