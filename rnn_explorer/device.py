"""Where a model trains: on the CPU, or on a GPU where there is one and the model is large enough to gain from it."""

from __future__ import annotations

import torch

from rnn_explorer.settings import SettingError

# Parameters x batch x length from which a GPU is taken by itself. On a CPU 10^10 of them take about a second for a step
# (`work.MAX_WORK`), so this many take some 30 ms; a step on a GPU seldom takes less than 2 to 10 ms however small the
# model, for its many small kernels must be launched one after the other. Estimated, not measured.
GPU_WORK = 300_000_000


def available() -> tuple[str, ...]:
    """The kinds of GPU that this installation of torch can use here."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)


def choose(wanted: str, work: float) -> torch.device:
    """The device for a model.

    Args:
        wanted: "auto", "cpu", "cuda" or "mps".
        work: parameters x batch x length of one optimizer step.

    Raises:
        SettingError: when a GPU is asked for by name and is not there.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    found = available()
    if wanted == "auto":
        return torch.device(found[0] if found and work >= GPU_WORK else "cpu")
    if wanted not in found:
        usable = " or ".join(("auto", "cpu", *found))
        sentence = f"device is {wanted!r}, but torch finds no such GPU on this machine. Use {usable}."
        raise SettingError("device", wanted, usable, sentence)
    return torch.device(wanted)
