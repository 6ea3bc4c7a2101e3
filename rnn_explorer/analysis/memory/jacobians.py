"""Products of Jacobians through time, scaled after every factor so that none is too small or too large."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.memory.reading import Reading
from rnn_explorer.trace import Array

_SLICE_WORK = 2**23  # n^3 x matrices between two reports of progress: a few milliseconds
_SLICE_NUMBERS = 2**20  # numbers in the Jacobians that are held at once: 8 MB


Scaled = tuple[Tensor, float]  # a matrix, and log10 of the factor that was taken out of it


def _scaled(matrix: Tensor, log10: float = 0.0) -> Scaled:
    """A matrix with its largest entry at 1; a matrix of zeros stays, with a factor of 0."""
    largest = float(matrix.abs().amax())
    if largest == 0:
        return matrix, -math.inf
    return matrix / largest, log10 + (math.log10(largest) if math.isfinite(largest) else math.nan)


def norms_back(
    factors: Iterable[Scaled], size: int, count: int, begin: float, end: float
) -> Generator[float, None, Array]:
    """log10 of the spectral norms of I, F_1, F_1 F_2, ...

    The spectral norm is the root of the largest eigenvalue of P^T P, found for several products at once.

    Args:
        factors: F_1, F_2, ..., each (size, size) and scaled.
        size: rows and columns.
        count: how many norms there are, the one of I included.
        begin, end: of the progress that is yielded.

    Returns:
        (count,) NaN from the first product on that is not finite, -inf from the first that is zero.
    """
    norms = np.full(count, np.nan)
    at_once = max(1, min(32, _SLICE_WORK // size**3))
    product: Scaled = (torch.eye(size, dtype=torch.float64), 0.0)
    held, place = [product], 0
    for number, (matrix, log10) in enumerate(factors, start=1):
        product = _scaled(product[0] @ matrix, product[1] + log10)
        if not math.isfinite(product[1]):
            norms[number:] = product[1]
            break
        held.append(product)
        if len(held) >= at_once:
            norms[place : place + len(held)] = _log10_norms(held)
            place, held = place + len(held), []
            yield begin + (end - begin) * place / count
    norms[place : place + len(held)] = _log10_norms(held)
    return norms


def _log10_norms(products: list[Scaled]) -> Array:
    if not products:
        return np.zeros(0)
    matrices = torch.stack([matrix for matrix, _ in products])  # (products, size, size)
    largest = torch.linalg.eigvalsh(matrices.mT @ matrices)[:, -1]  # the squared norm, at least 1: an entry is 1
    return 0.5 * np.log10(largest.numpy()) + np.array([log10 for _, log10 in products])


@torch.no_grad()
def curve_of(reading: Reading, begin: float, end: float) -> Generator[float, None, Array]:
    """(time,) log10 ||d s_T / d s_{T-lag}|| by lag from 0."""
    return (yield from norms_back(_jacobians_back(reading), reading.size, len(reading.states), begin, end))


def _jacobians_back(reading: Reading) -> Iterator[Scaled]:
    """d s_T / d s_{T-1}, d s_{T-1} / d s_{T-2}, ..., d s_2 / d s_1."""
    at_once = max(1, _SLICE_NUMBERS // reading.size**2)
    for last in range(len(reading.states), 1, -at_once):
        for matrix in reading.jacobians(max(2, last - at_once + 1), last).flip(0):
            yield matrix, 0.0


@torch.no_grad()
def segments_of(reading: Reading, places: Array, begin: float, end: float) -> Generator[float, None, list[Scaled]]:
    """d s_b / d s_a for neighboring steps of reading a < b in `places`."""
    found: list[Scaled] = []
    for a, b in zip(places[:-1].tolist(), places[1:].tolist(), strict=True):
        product: Scaled = (torch.eye(reading.size, dtype=torch.float64), 0.0)
        for matrix in reading.jacobians(a + 1, b).flip(0):
            product = _scaled(product[0] @ matrix, product[1])
        found.append(product)
        yield begin + (end - begin) * len(found) / len(places)
    return found
