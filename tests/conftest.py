"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

from rnn_explorer.cells import CELLS
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.tasks import TASKS
from rnn_explorer.training import Trainer
from rnn_explorer.ui import session

# How many examples a property is tried with; `make test-long` asks for the thorough profile.
settings.register_profile("quick", max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=300)
settings.load_profile("quick")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """As in a worker: small models gain nothing from a second thread, and results stay the same on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests, and servers that they start, leave the data folder of whoever runs them alone."""
    before = os.environ.get("RNN_EXPLORER_DATA")
    os.environ["RNN_EXPLORER_DATA"] = str(tmp_path_factory.mktemp("data"))
    yield
    if before is None:
        del os.environ["RNN_EXPLORER_DATA"]
    else:
        os.environ["RNN_EXPLORER_DATA"] = before


@pytest.fixture(scope="session")
def one_engine() -> Iterator[LocalEngine]:
    """The engine of the pages, for all tests of pages and of the socket: its workers take seconds to import torch."""
    yield session.engine()
    session.close_engine()


@pytest.fixture
def registries() -> Iterator[None]:
    """Cells and tasks that a test registers are gone after it."""
    before = [(registry, dict(registry._entries)) for registry in (CELLS, TASKS)]
    yield
    for registry, entries in before:
        registry._entries = entries


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Ctrl-C comes in this process when a trainer has made so many steps, and begins the next one."""

    def at(count: int) -> None:
        step = Trainer.step

        def interrupted(trainer: Trainer) -> object:
            if trainer.step_count == count:
                os.kill(os.getpid(), signal.SIGINT)
            return step(trainer)

        monkeypatch.setattr(Trainer, "step", interrupted)

    # A process that a shell starts in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield at
    signal.signal(signal.SIGINT, before)
