"""Kernel: the magnitude at which each channel of weights is rounded with the least squared error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel

__all__ = ["best_magnitudes"]

Floats = NDArray[np.float64]


@kernel
def _rounding_error(row: Floats, magnitude: float, limit: float) -> float:
    """Squared error of rounding with a magnitude; infinite where it is not above zero.

    Eight sums side by side, so that the loop becomes vector instructions with an order of additions of its own.
    """
    if magnitude <= 0:
        return np.inf
    scale = magnitude / limit
    per_step = 1 / scale
    sums = np.zeros(8)
    whole = len(row) // 8 * 8
    for start in range(0, whole, 8):
        for lane in range(8):
            value = row[start + lane]
            rounded = min(max(np.rint(value * per_step), -limit), limit) * scale
            sums[lane] += (rounded - value) * (rounded - value)
    error = 0.0
    for lane in range(8):
        error += sums[lane]
    for place in range(whole, len(row)):
        value = row[place]
        rounded = min(max(np.rint(value * per_step), -limit), limit) * scale
        error += (rounded - value) * (rounded - value)
    return error


@kernel
def best_magnitudes(rows: Floats, stages: tuple[Floats, ...], limit: float) -> Floats:
    """The best of the magnitudes tried for each row ``(channels,)``; the first of equal ones.

    Args:
        rows: ``(channels, k)``.
        stages: arrays of shares of the row's largest magnitude, which are added to the best of the stage before, at
            first the largest itself; none goes above the largest.
        limit: the largest integer.
    """
    found = np.empty(len(rows))
    for channel in range(len(rows)):
        row = rows[channel]
        largest = 0.0
        for value in row:
            largest = max(largest, abs(value))
        best, error = largest, _rounding_error(row, largest, limit)
        for offsets in stages:
            centre = best
            for offset in offsets:
                tried = min(centre + offset * largest, largest)
                here = _rounding_error(row, tried, limit)
                if here < error:
                    best, error = tried, here
        found[channel] = best
    return found
