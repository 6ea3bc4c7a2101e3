"""What is true of the gated recurrent unit; its equations are in `cell.py`."""

from __future__ import annotations

from types import MappingProxyType

from rnn_explorer.cells.facts import CELLS, CellFacts, EquationText, gate_equation


@CELLS.register("gru")
class GRUFacts(CellFacts):
    """The gated recurrent unit."""

    key = "gru"
    title = "GRU"
    short = "GRU"
    color, dash, marker = "#009E73", "dashdot", "diamond"
    order = 3
    torch_twin = "GRU"
    gate_names = ("reset", "update", "candidate")
    bounded = frozenset({"reset", "update"})
    keras_biases = 2  # reset_after=True, Keras' default, keeps both
    keeper = "update"
    letters = MappingProxyType({"reset": "r", "update": "z", "candidate": "n"})
    conventions = (
        "z = 1 keeps the old state here, as in torch and Keras; some papers write the reverse.",
        "The reset gate acts after the product with W_hn here (torch, and Keras with reset_after=True); "
        "the first paper has it before.",
        "torch has two biases a gate where most books have one. For r and z they only add up; "
        "in the candidate the second stands within the product with r.",
    )

    @classmethod
    def equations(cls, nonlinearity: str) -> tuple[EquationText, ...]:
        """Its equations as text."""
        return (
            gate_equation("reset", "r", "reset gate"),
            gate_equation("update", "z", "update gate"),
            EquationText(
                "candidate",
                "{candidate:n_t} = tanh({candidate.x:W_in}{x:x_t} + {candidate.b_i:b_in} + {reset:r_t}"
                "{candidate.gated: · (}{candidate.h:W_hn}{h_prev:h_<}{candidate.inner: + }{candidate.b_h:b_hn}"
                "{candidate.gated:)})",
                "{candidate} = tanh({candidate.x} + {candidate.b_i} + {reset} · ({candidate.h} + {candidate.b_h}))"
                " = tanh({candidate.pre})",
                "{candidate} = mean of tanh(Σ), mean Σ = {candidate.pre}"
                " = {candidate.x} + {candidate.b_i} + {candidate.gated}",
            ),
            EquationText(
                "hidden state",
                "{h:h_t} = {take:(1 − }{update:z_t}{take:)} · {candidate:n_t} + {update:z_t} · {h_prev:h_<}",
                "{h} = {take} · {candidate} + {update} · {h_prev} = {write} + {keep}",
                "{h} = {write} + {keep}",
            ),
        )
