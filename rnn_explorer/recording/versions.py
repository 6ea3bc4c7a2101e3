"""On what a learning curve depends beside its experiment, and what is said where a run goes on with something else."""

from __future__ import annotations

import functools
import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

THREADS = 1  # of torch in a worker: for models of this size a second one costs more than it brings
_PROCESSOR = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


@functools.cache
def present() -> Mapping[str, str]:
    """What the runs of this process are trained with: curves are bit-equal only where all of this is the same."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "threads": str(THREADS),
    }
    for name in ("rnn-explorer", "torch", "llvmlite"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    own = "llvmlite" in found and os.environ.get("RNN_EXPLORER_KERNELS", "") != "torch"
    return found | {"kernels": "compiled" if own else "torch"}


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What is not the same, such as "torch 2.9.0 (before: 2.8.0)"; "" for nothing, or where nothing is known."""
    names = [name for name in {**after, **before} if before and before.get(name) != after.get(name)]
    return ", ".join(f"{name} {after.get(name, 'none')} (before: {before.get(name, 'none')})" for name in names)


def _processor() -> str:
    """What the processor is called, since kernels are compiled for the one at hand."""
    try:
        found = _PROCESSOR.search(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:  # not Linux
        found = None
    return found[1].strip() if found else platform.processor()
