"""Points that no other beats."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["front"]


def front(rows: Sequence[Sequence[float]]) -> list[int]:
    """Places of the rows that no other row beats: at most as large in every column, and smaller in one.

    Of equal rows the first stands for all.

    >>> front([(1, 3), (2, 2), (3, 3), (2, 2), (3, 1)])
    [0, 1, 4]
    """
    kept: list[int] = []
    # In this order a row can be beaten by earlier ones only.
    for place in sorted(range(len(rows)), key=lambda place: (tuple(rows[place]), place)):
        row = rows[place]
        if not any(all(a <= b for a, b in zip(rows[other], row, strict=True)) for other in kept):
            kept.append(place)
    return sorted(kept)
