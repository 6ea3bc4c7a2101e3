"""With what a run was trained, beside its experiment."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """On what the curves depend beside the experiment: they are bit-equal only where all of this is."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernels": os.environ.get("RNN_EXPLORER_KERNELS", ""),
    }
    for name in ("rnn-explorer", "torch", "llvmlite"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
