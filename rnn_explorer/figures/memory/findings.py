"""What was found about a memory, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rnn_explorer.analysis.memory.record import Finding
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED
from rnn_explorer.figures.text_panel import Line, TextPanel

_ORDER = ("warning", "good", "fact")


def findings(found: Sequence[Finding] | None, step: int | None = None) -> TextPanel:
    """What was found, warnings first.

    Args:
        found: the findings; None: they are being computed.
        step: of the model that they are about.
    """
    ordered = sorted(found or (), key=lambda each: _ORDER.index(each.severity))
    lines: list[Line] = [{"kind": each.severity, "text": each.text} for each in ordered]
    if not lines:
        lines = [{"kind": "fact", "text": COMPUTED if found is None else "Nothing stands out."}]
    return TextPanel(
        name="findings",
        title="Findings" + ("" if step is None else f" at optimizer step {step}"),
        how_to_read="▲ a caution, ● a good sign, ○ neither: about this sequence and this optimizer step.",
        lines=lines,
        table={
            "severity": [each.severity for each in ordered],
            "name": [each.name for each in ordered],
            "text": [each.text for each in ordered],
        },
    )


@FIGURES.register("findings")
def _examples() -> Examples:
    usual = (Finding("memory", "fact", "It remembers."), Finding("dead", "warning", "Layer 1 is dead."))
    return {
        USUAL: partial(findings, usual, 400),
        EMPTY: partial(findings, None),
        EXTREME: partial(findings, [Finding("memory", "good", f"{HOSTILE}.")] * 40, 10**6),
        "none": partial(findings, ()),
    }
