"""Kernels: error feedback and coordinate descent over the weights of single output channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel

__all__ = ["descend", "feedback"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SMALLEST = 1.1754943508222875e-38
"""The least step that is divided by, that of float32."""


@kernel
def _nearest(value: float, scale: float, limit: int, binary: bool) -> float:
    """The nearest integer of a value, halves to even; -1 or +1 if binary."""
    steps = value / max(scale, SMALLEST)
    if binary:
        return -1.0 if steps < 0 else 1.0
    integer: float = min(max(np.rint(steps), -limit), limit)
    return integer


@kernel
def feedback(weights: Floats, scales: Floats, kept: Bools, factor: Floats, limit: int, binary: bool) -> Floats:
    """Integers ``(n, k)``, each column's rounding error put into the columns behind it.

    Args:
        weights: ``(n, k)`` float64; changed.
        scales: ``(n,)`` float64.
        kept: ``(n, k)`` bool; the others become zero.
        factor: ``(k, k)`` float64 upper Cholesky factor of the inverse covariance.
        limit: the largest integer.
        binary: whether there are only -1 and +1.
    """
    count, k = weights.shape
    integers = np.zeros((count, k))
    for row in range(count):
        left, scale = weights[row], scales[row]
        for column in range(k):
            chosen = _nearest(left[column], scale, limit, binary) if kept[row, column] else 0.0
            integers[row, column] = chosen
            error = (left[column] - chosen * scale) / factor[column, column]
            for behind in range(column, k):
                left[behind] -= error * factor[column, behind]
    return integers


@kernel
def descend(
    integers: Floats,
    slope: Floats,
    scales: Floats,
    kept: Bools,
    covariance: Floats,
    limit: int,
    binary: bool,
    sweeps: int,
) -> None:
    """Give each weight in turn the integer that is best for all others; ``integers (n, k)`` and ``slope`` change.

    Args:
        slope: ``(n, k)`` float64, the weights' errors times the covariance.
        scales: ``(n,)``; ``kept (n, k)`` bool; ``covariance (k, k)`` float64.
        limit, binary: as in :func:`feedback`.
        sweeps: most passes over a channel; it ends with a pass that changes nothing.
    """
    count, k = integers.shape
    for row in range(count):
        held, slopes, scale = integers[row], slope[row], scales[row]
        for _ in range(sweeps):
            changed = False
            for column in range(k):
                if not kept[row, column]:
                    continue
                best = held[column] * scale + slopes[column] / covariance[column, column]
                chosen = _nearest(best, scale, limit, binary)
                change = (chosen - held[column]) * scale
                if change != 0.0:
                    held[column] = chosen
                    changed = True
                    for other in range(k):
                        slopes[other] -= change * covariance[column, other]
            if not changed:
                break
