"""The analyses of a model, by name.

An analysis is a function of a `FrozenModel` and of its options, a class of `Settings` beside its record. It is a
generator: it yields its progress, from 0 to 1, every few milliseconds where it takes long, so that the caller can show
it, train on in between, or cancel; and it returns a record of numpy data without torch. A `UserError` is a sentence for
the user.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnn_explorer.errors import UserError
from rnn_explorer.registry import Registry
from rnn_explorer.settings import Settings
from rnn_explorer.slices import run_to_end

if TYPE_CHECKING:
    from rnn_explorer.analysis.frozen_model import FrozenModel

Progress = Generator[float, None, Any]


class Analysis:
    """An analysis that checks its options before it starts.

    Attributes:
        compute: (model, options) -> the analysis.
        options: their class; what is not given takes its default.
    """

    def __init__(self, compute: Callable[[FrozenModel, Any], Progress], options: type[Settings]) -> None:
        functools.update_wrapper(self, compute)
        self.compute, self.options = compute, options

    def __call__(self, model: FrozenModel, **options: Any) -> Progress:
        """Check the options and make the analysis; what depends on the model, it checks when it starts.

        Raises:
            SettingError: for an option out of its range.
            TypeError: for an option that there is not.
        """
        return self.compute(model, self.options(**options))


ANALYSES: Registry[Analysis] = Registry("analysis")


def analysis(name: str, options: type[Settings] = Settings) -> Callable[[Callable[..., Progress]], Analysis]:
    """Return a decorator that files a function of a model and of `options` under `name`."""
    return lambda compute: ANALYSES.register(name)(Analysis(compute, options))


def load() -> None:
    """Import every module here: those that compute register their analyses."""
    for found in pkgutil.walk_packages([str(Path(__file__).parent)], f"{__package__}."):
        importlib.import_module(found.name)


def analyze(model: FrozenModel, name: str, **options: Any) -> Any:
    """Run one analysis of a model to its end.

    Returns:
        Its record.

    Raises:
        UnknownName: when there is no analysis of this name.
        UserError: for options that it cannot have, and where the model does not bear it; a whole sentence.
    """
    load()
    with sentences():
        return run_to_end(ANALYSES.get(name)(model, **options))


def check(model: FrozenModel, name: str, **options: Any) -> None:
    """Have the options of an analysis judged, and nothing computed: it looks at them before its first report.

    Raises:
        UnknownName, UserError: as `analyze`.
    """
    load()
    with sentences():
        progress = ANALYSES.get(name)(model, **options)
        next(progress)
    progress.close()


@contextmanager
def sentences() -> Iterator[None]:
    """What an analysis objects to is a sentence with its end."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{str(error).removesuffix('.')}.") from error
