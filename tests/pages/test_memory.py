"""The memory page, as far as it can be tried without a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.cells import CELLS
from rnn_explorer.ui import session
from tests.pages.conftest import run_of, wait_for

Open = Callable[..., AppTest]


@pytest.mark.parametrize("cell", CELLS.names())
def test_it_opens_for_every_cell(open_lab: Open, cell: str) -> None:
    page = open_lab(page="memory", task="adding", cell=cell)
    view = wait_for(page, lambda view: view.status != "starting")
    assert (view.status, view.step, view.experiment.model.cell) == ("ready", 0, cell)
    assert not page.exception and not page.warning and not page.error


def test_it_shows_the_run_of_the_lab_and_trains_it(open_lab: Open) -> None:
    page = open_lab(task="temporal_order", cell="gru", hidden_size="4", steps="20")
    run = run_of(page)
    wait_for(page, lambda view: view.status == "ready")
    page.switch_page("memory.py").run()
    assert run_of(page) == run
    next(button for button in page.button if button.label == "Play").click().run()
    view = wait_for(page, lambda view: view.status == "finished")
    assert view.step == 20 and session.engine().view(run).step == 20
    assert not page.exception


def test_what_is_wrong_in_the_address_is_said_in_a_sentence(open_lab: Open) -> None:
    page = open_lab(page="memory", task="adding", cell="mamba")
    assert "cell is 'mamba', but must be one of rnn, lstm, gru." in page.warning[0].value
    assert not page.exception
