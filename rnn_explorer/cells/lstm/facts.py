"""What is true of long short-term memory; its equations are in `cell.py`."""

from __future__ import annotations

from types import MappingProxyType

from rnn_explorer.cells.facts import CELLS, TWO_BIASES, CellFacts, EquationText, gate_equation


@CELLS.register("lstm")
class LSTMFacts(CellFacts):
    """Long short-term memory."""

    key = "lstm"
    title = "LSTM"
    short = "LSTM"
    color, dash, marker = "#D55E00", "dash", "square"
    order = 2
    torch_twin = "LSTM"
    state_names = ("hidden", "cell")
    gate_names = ("input", "forget", "candidate", "output")
    bounded = frozenset({"input", "forget", "output"})
    setting_names = ("forget_bias",)
    keeper = "forget"
    letters = MappingProxyType({"input": "i", "forget": "f", "candidate": "g", "output": "o"})
    state_letters = MappingProxyType({"hidden": "h", "cell": "c"})
    conventions = (
        "A forget gate of 1 keeps the cell state, and 0 wipes it out.",
        TWO_BIASES,
        "The gates see the hidden state only; some papers let them see the cell state too (peepholes).",
    )

    @classmethod
    def equations(cls, nonlinearity: str) -> tuple[EquationText, ...]:
        """Its equations as text."""
        return (
            gate_equation("input", "i", "input gate"),
            gate_equation("forget", "f", "forget gate"),
            gate_equation("candidate", "g", "candidate", "tanh"),
            gate_equation("output", "o", "output gate"),
            EquationText(
                "cell state",
                "{c:c_t} = {forget:f_t} · {c_prev:c_<} + {input:i_t} · {candidate:g_t}",
                "{c} = {forget} · {c_prev} + {input} · {candidate} = {keep} + {write}",
                "{c} = {keep} + {write}",
            ),
            EquationText(
                "hidden state",
                "{h:h_t} = {output:o_t} · {tanh_c:tanh(}{c:c_t}{tanh_c:)}",
                "{h} = {output} · tanh({c}) = {output} · {tanh_c}",
                "{h} = mean of o · tanh(c)",
            ),
        )
