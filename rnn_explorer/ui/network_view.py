"""The drawing of the whole network in the sidebar, and the layer summary."""

from __future__ import annotations

import logging

import streamlit as st

from rnn_explorer.engine.base import RunView
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.network import network_svg
from rnn_explorer.ui import session
from rnn_explorer.ui.plain import plain
from rnn_explorer.ui.svg import drawing

_log = logging.getLogger(__name__)
_WHY_TWO = (
    "torch gives every recurrent layer two bias vectors, one beside the input weights and one beside the recurrent "
    "weights, as its GPU kernels want them. In the simple RNN and the LSTM they only ever add up, so the usual "
    "equations, and Keras, have one. Keras' GRU keeps both, since its reset gate acts between them."
)


def show(experiment: Experiment) -> None:
    """Draw the network that the controls describe."""
    try:
        task, model = session.task_of(experiment), experiment.model
    except UserError:  # its data are gone, which the page says
        return
    except Exception:
        _log.exception("the task of the network could not be built")
        st.caption("The network cannot be drawn, by a fault of the program; its log has it.")
        return
    drawing(
        network_svg(
            "symbols" if task.input.kind == "symbols" else "numbers",
            task.input.size,
            [model.hidden_size] * model.num_layers,
            list(model.dense),
            "classes" if task.output.classes else "values",
            task.output.size,
            model.cell,
            model.bidirectional,
            embedding=model.embedding if task.input.kind == "symbols" else 0,
        ),
        key="network",
    )


def summary(view: RunView) -> None:
    """The layers, their output shapes and their parameters, with the totals both ways of counting give."""
    lines = ["| Layer | Output shape | Parameters | as Keras counts |", "|:--|:--|--:|--:|"]
    for row in view.summary:
        shape = plain(row.output_shape)
        lines.append(f"| {plain(row.layer)} | {shape} | {row.parameters:,} | {row.keras_parameters:,} |")
    lines.append(f"| total | | {view.parameters:,} | {view.keras_parameters:,} |")
    st.markdown("\n".join(lines))  # a data frame would have the server load Arrow: 0.2 s of its first page
    counts = f"**{view.parameters:,}** parameters as torch counts them, **{view.keras_parameters:,}** as Keras does."
    st.markdown(f"{counts} {_WHY_TWO}")
