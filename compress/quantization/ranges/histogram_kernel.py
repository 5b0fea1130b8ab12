"""Kernels: what a histogram needs of a batch of values, in two passes over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel

__all__ = ["count_values", "ends_and_magnitudes"]

_PIECE = 256


@kernel
def ends_and_magnitudes(values: NDArray[np.float32]) -> tuple[float, float, float]:
    """The least, the largest, and the sum of magnitudes; the ends are not finite where a value is not.

    Eight of each side by side, so that the loop becomes vector instructions.
    """
    low, high, sums = np.full(8, values[0]), np.full(8, values[0]), np.zeros(8)
    whole = len(values) // 8 * 8
    for start in range(0, whole, 8):
        for lane in range(8):
            value = values[start + lane]
            low[lane] = min(low[lane], value)
            high[lane] = max(high[lane], value)
            sums[lane] += abs(value)
    for place in range(whole, len(values)):
        low[0], high[0] = min(low[0], values[place]), max(high[0], values[place])
        sums[0] += abs(values[place])
    magnitudes = sums.sum()
    if not np.isfinite(magnitudes):  # no comparison finds a NaN
        return np.nan, np.nan, magnitudes
    return low.min(), high.max(), magnitudes


@kernel
def count_values(values: NDArray[np.float32], reach: float, counts: NDArray[np.float64]) -> None:
    """Add the values to ``counts``, whose bins share ``-reach`` to ``reach``; the last bin holds its upper end, too."""
    bins, whole = len(counts), len(values)
    per_value, zero, last = bins / 2 / reach, bins / 2, bins - 1.0
    # Bins are found for a piece at a time, so that it takes vector instructions; and half of the values are zeros:
    # two tables, or each count would wait for the one before.
    found, tables = np.empty(_PIECE, np.int32), np.zeros((2, bins), np.int64)
    for start in range(0, whole, _PIECE):
        size = min(_PIECE, whole - start)
        for i in range(size):
            found[i] = np.int32(min(values[start + i] * per_value + zero, last))
        for i in range(size):
            tables[i & 1, np.uint32(found[i])] += 1
    for i in range(bins):
        counts[i] += tables[0, i] + tables[1, i]
