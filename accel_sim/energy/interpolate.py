"""Straight lines in log-log coordinates: how energies, areas and leakages grow with a width or a node."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["loglog"]


def loglog(x: float, points: Sequence[tuple[float, float]]) -> float:
    """Evaluate the power law through the two points around ``x``, the outermost two beyond them.

    Args:
        x: abscissa, positive.
        points: at least two (abscissa, value) pairs by ascending abscissa; a value of 0 makes its segments 0.

    >>> loglog(16, [(8, 1.0), (32, 16.0)])
    4.0

    """
    upper = next((i for i in range(1, len(points) - 1) if x <= points[i][0]), len(points) - 1)
    (x0, y0), (x1, y1) = points[upper - 1], points[upper]
    if x in (x0, x1):
        return y0 if x == x0 else y1
    if y0 <= 0 or y1 <= 0:
        return 0.0
    share = math.log(x / x0) / math.log(x1 / x0)
    return y0 * math.pow(y1 / y0, share)
