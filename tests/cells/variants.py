"""Every registered cell, with each choice of its own options that changes the equations."""

from __future__ import annotations

from typing import Any

import pytest

from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import ModelSettings

SPECS = {spec.name: spec for spec in ModelSettings.specs()}


def variants() -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for key, facts in CELLS.items():
        chosen = [name for name in facts.setting_names if SPECS[name].choices]
        found += [(key, {name: choice}) for name in chosen for choice in SPECS[name].choices] or [(key, {})]
    return found


VARIANTS = variants()
every = pytest.mark.parametrize("key, options", VARIANTS, ids=["_".join((key, *o.values())) for key, o in VARIANTS])
