"""What is true of the simple recurrent network; its equations are in `cell.py`."""

from __future__ import annotations

from types import MappingProxyType

from rnn_explorer.cells.facts import CELLS, CellFacts, EquationText


@CELLS.register("rnn")
class SimpleRNNFacts(CellFacts):
    """The simple recurrent network."""

    key = "rnn"
    title = "Simple RNN"
    short = "RNN"
    color, dash, marker = "#0072B2", "solid", "circle"
    order = 1
    torch_twin = "RNN"
    gate_names = ("pre_activation",)
    setting_names = ("nonlinearity",)
    letters = MappingProxyType({"pre_activation": "a"})
    conventions = (
        "torch has two biases, b_ih and b_hh, where most books have one; they only add up.",
        "W_ih leads from the input and W_hh from the old hidden state; some books write U and W, or W_xh and W_hh.",
    )

    @classmethod
    def equations(cls, nonlinearity: str) -> tuple[EquationText, ...]:
        """Its equations as text."""
        parts = "{pre_activation.x} + {pre_activation.b_i} + {pre_activation.h} + {pre_activation.b_h}"
        return (
            EquationText(
                "pre-activation",
                "{pre_activation:a_t} = {pre_activation.x:W_ih}{x:x_t} + {pre_activation.b_i:b_ih}"
                " + {pre_activation.h:W_hh}{h_prev:h_<} + {pre_activation.b_h:b_hh}",
                f"{{pre_activation}} = {parts}",
                f"{{pre_activation}} = {parts}",
            ),
            EquationText(
                "hidden state",
                f"{{h:h_t}} = {nonlinearity}({{pre_activation:a_t}})",
                f"{{h}} = {nonlinearity}({{pre_activation}})",
                f"{{h}} = mean of {nonlinearity}(a)",
            ),
        )
