"""The range of least squared error: clipping against resolution, found by trying (as in Banner et al., 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from compress.quantization.grid import Grid, largest_integer
from compress.quantization.ranges.histogram import Histogram
from compress.quantization.ranges.mse_kernel import best_magnitudes, histogram_errors
from compress.quantization.ranges.registry import Target, activation_range, weight_range

__all__ = ["activation_mse", "weight_mse"]

SHARES = 100
"""Ends that are tried for activations: every hundredth of the range seen."""
COARSE, FINE = 16, 8
"""Magnitudes that are tried for a channel of weights: even shares of the largest, then between the best's
neighbours."""
_OFFSETS = (
    np.array([share / COARSE - 1 for share in range(COARSE - 1, 0, -1)]),
    np.array([step / FINE / COARSE for step in range(FINE - 1, -FINE, -1) if step]),
)


@activation_range("mse")
def activation_mse(seen: Histogram, target: Target) -> tuple[float, float]:
    """Ends from a grid search over the histogram; with a zero point both ends in turn, twice."""
    used = seen.counts > 0
    values, counts = seen.centres[used], seen.counts[used]
    low, high = seen.low, max(seen.high, 0.0)
    if not target.signed:
        return _best(values, counts, target, [(0.0, end) for end in _shares(high)])
    if target.symmetric:
        return _best(values, counts, target, [(-end, end) for end in _shares(max(-low, high))])
    for _ in range(2):
        low, high = _best(values, counts, target, [(low, end) for end in _shares(max(seen.high, 0.0))])
        low, high = _best(values, counts, target, [(-end, high) for end in _shares(max(-seen.low, 0.0))])
    return low, high


def _shares(largest: float) -> list[float]:
    """Even shares of an end, the whole first."""
    return [largest * share / SHARES for share in range(SHARES, 0, -1)] if largest > 0 else [0.0]


def _best(values: Tensor, counts: Tensor, target: Target, ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The range of least squared error; the first of equal ones."""
    grids = np.array([_multiples(target.grid(*ends)) for ends in ranges])
    return ranges[int(histogram_errors(values.numpy(), counts.numpy(), grids).argmin())]


def _multiples(grid: Grid) -> tuple[float, int, int]:
    """Scale, and the least and largest multiple of it."""
    return grid.scale, grid.low - grid.zero_point, grid.high - grid.zero_point


@weight_range("mse")
def weight_mse(rows: Tensor, bits: int) -> Tensor:
    """The magnitude of least squared error of each channel; the largest weight's where several are equal."""
    given = np.ascontiguousarray(rows.numpy(), np.float64)
    found = best_magnitudes(given, _OFFSETS, float(largest_integer(bits, signed=True)))
    return torch.from_numpy(found).to(rows.dtype)
