"""The data page's view without a server."""

from __future__ import annotations

import math

from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer
from rnn_explorer.views import VIEWS, ViewState
from rnn_explorer.views.data import DataSelection, DataView
from tests.engine.test_pictures import view_of


def test_it_draws_the_curves_of_a_run_with_the_axis_that_is_chosen() -> None:
    trainer = Trainer(Experiment.from_query("task=digits&train_size=40&hidden_size=4&dense=none"))
    trainer.advance(math.inf, 5)
    run_view = view_of(trainer)
    assert VIEWS.get("data") is DataView
    for log, kind in ((False, "linear"), (True, "log")):
        view = DataView(DataSelection.read({"log": str(log).lower(), "layer": "7"}))
        (figure,) = view.panels(ViewState(run_view, run_view.step))
        assert figure.name == "curves" and figure.layout["yaxis"].get("type", "linear") == kind
        assert [tool.field for tool in view.tools(ViewState(run_view, run_view.step))] == ["log"]
