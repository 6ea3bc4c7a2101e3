"""What to do with an experiment that cannot be trained as it was asked for: change as little of it as possible."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.sizes import work_of
from rnn_explorer.tasks.base import Task
from rnn_explorer.work import ModelTooLarge

# Settings that decide how much is computed, those first that change least of what a person came to look at.
_SIZES = ("batch_size", "embedding", "dense", "num_layers", "hidden_size", "bidirectional", "val_split", "cell")
_MOST = 3  # settings that are tried together; where more must go, all of a model's sizes do


def fitted(wanted: Experiment) -> tuple[Experiment, tuple[str, ...]]:
    """The experiment with as few settings as possible set back to their defaults, so that it can be trained.

    Args:
        wanted: an experiment that may be too large, or whose data may not bear its settings.

    Returns:
        The experiment, and the names of the settings that were set back.
    """
    found, tasks = wanted, _Tasks()
    while True:  # each turn sets a setting back that was not at its default, so it ends
        given = [name for name in found.to_query() if name != "task"]
        try:
            tasks.check(found)
            break
        except ModelTooLarge:
            found = next(_smaller(found, given, tasks), Experiment.default(wanted.task))
        except SettingError as error:
            found = _without(found, (error.field,)) if error.field in given else Experiment.default(wanted.task)
        except UserError:
            found = Experiment.default(wanted.task)
        if not given:
            break
    before, after = wanted.values(), found.values()
    return found, tuple(name for name, value in before.items() if value != after[name])


def sentence(found: Experiment, changed: tuple[str, ...]) -> str:
    """A sentence about the settings that were set back."""
    free = {spec.name for spec in found.specs() if spec.is_free_text}
    texts = {spec.name: spec.text(found.get(spec.name)) for spec in found.specs()}
    named = ", ".join(name if name in free else f"{name}={texts[name]}" for name in changed)
    return f"Set back to the default: {named}; all else is as it was asked for."


class _Tasks:
    """Tasks that were built on the way, since one may take longer than to count the parameters of many models."""

    def __init__(self) -> None:
        self._built: dict[object, Task] = {}

    def check(self, experiment: Experiment) -> None:
        """See that it can be trained.

        Raises:
            UserError: says why not.
        """
        key = (experiment.task_settings, experiment.training.seed, experiment.training.val_split)
        if key not in self._built:
            self._built[key] = experiment.make_task()
        work_of(experiment, self._built[key]).check()


def _smaller(experiment: Experiment, given: list[str], tasks: _Tasks) -> Iterator[Experiment]:
    """Experiments that are small enough, those with the fewest settings set back first."""
    own = [spec.name for spec in experiment.task_settings.specs()]
    names = [name for name in (*_SIZES, *own) if name in given]
    for count in range(1, min(len(names), _MOST) + 1):
        for some in itertools.combinations(names, count):
            try:
                found = _without(experiment, some)
                tasks.check(found)
            except UserError:
                continue
            yield found
    yield _without(experiment, tuple(name for name in _SIZES if name in given))


def _without(experiment: Experiment, names: tuple[str, ...]) -> Experiment:
    default = Experiment.default(experiment.task)
    return experiment.replace(**{name: default.get(name) for name in names})
