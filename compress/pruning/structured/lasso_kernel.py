"""The LASSO by coordinate descent, on the products of its variables alone."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["descend"]


@njit(cache=True)
def descend(
    gram: NDArray[np.float64],
    target: NDArray[np.float64],
    penalty: float,
    start: NDArray[np.float64],
    tolerance: float,
    max_sweeps: int,
) -> NDArray[np.float64]:
    """``argmin over β of ½ βᵀ gram β - targetᵀ β + penalty · Σ |β|``.

    Args:
        gram: ``(n, n)`` float64, symmetric, positive semidefinite; a variable with a zero diagonal gets zero.
        target: ``(n,)``.
        start: ``(n,)`` factors to start from; not written to.
        tolerance: sweeps end when no factor moved by more.
    """
    factors = start.copy()
    residual = target.copy()
    for variable in range(len(factors)):
        if factors[variable] != 0.0:
            residual -= factors[variable] * gram[variable]
    for _ in range(max_sweeps):
        largest = 0.0
        for variable in range(len(factors)):
            curvature = gram[variable, variable]
            if curvature <= 0.0:
                continue
            pull = residual[variable] + curvature * factors[variable]
            moved = max(abs(pull) - penalty, 0.0) / curvature * np.sign(pull)
            change = moved - factors[variable]
            if change != 0.0:
                residual -= change * gram[variable]
                factors[variable] = moved
                largest = max(largest, abs(change))
        if largest <= tolerance:
            break
    return factors
