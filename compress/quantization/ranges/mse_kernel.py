"""Kernels: squared errors of rounding, of a histogram on many grids and of channels of weights at many magnitudes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel

__all__ = ["best_magnitudes", "histogram_errors"]

Floats = NDArray[np.float64]


_PIECE = 128
"""Weights between two looks at whether the error is too large already."""


@kernel
def _rounding_error(row: Floats, magnitude: float, limit: float, enough: float) -> float:
    """Squared error of rounding with a magnitude; infinite where it is not above zero.

    Eight sums side by side, so that the loop becomes vector instructions with an order of additions of its own. What
    is above ``enough`` may be less than the whole error.
    """
    if magnitude <= 0:
        return np.inf
    scale = magnitude / limit
    per_step = 1 / scale
    sums = np.zeros(8)
    whole = len(row) // 8 * 8
    for piece in range(0, whole, _PIECE):
        for start in range(piece, min(piece + _PIECE, whole), 8):
            for lane in range(8):
                value = row[start + lane]
                rounded = min(max(np.rint(value * per_step), -limit), limit) * scale
                sums[lane] += (rounded - value) * (rounded - value)
        so_far = 0.0
        for lane in range(8):
            so_far += sums[lane]
        if so_far > enough:
            return so_far
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
        best, error = largest, _rounding_error(row, largest, limit, np.inf)
        for offsets in stages:
            centre = best
            for offset in offsets:
                tried = min(centre + offset * largest, largest)
                here = _rounding_error(row, tried, limit, error)
                if here < error:
                    best, error = tried, here
        found[channel] = best
    return found


@kernel
def histogram_errors(values: Floats, counts: Floats, grids: Floats) -> Floats:
    """Squared error of a histogram on each grid ``(grids,)``.

    Args:
        values, counts: ``(bins,)``.
        grids: ``(grids, 3)`` scale, and the least and largest multiple of it.
    """
    errors = np.zeros(len(grids))
    whole = len(values) // 8 * 8
    for place in range(len(grids)):
        scale, low, high = grids[place, 0], grids[place, 1], grids[place, 2]
        sums = np.zeros(8)
        for start in range(0, whole, 8):
            for lane in range(8):
                value = values[start + lane]
                off = min(max(np.rint(value / scale), low), high) * scale - value
                sums[lane] += off * off * counts[start + lane]
        for i in range(whole, len(values)):
            off = min(max(np.rint(values[i] / scale), low), high) * scale - values[i]
            sums[0] += off * off * counts[i]
        for lane in range(8):
            errors[place] += sums[lane]
    return errors
