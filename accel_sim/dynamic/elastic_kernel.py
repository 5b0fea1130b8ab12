"""Kernel: one step of section 4's recurrence for many independent folds side by side.

A lane of the vectors below is one fold; rows follow each other, as the wave does. A compiler turns the inner loops into
vector instructions, which is what makes the engine fast: the rows of one fold wait for each other, the folds do not.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["WIDTH", "add_beats", "advance_rows", "larger", "row_order"]

WIDTH = 64
"""Folds side by side: the state of 32 rows fits the first-level cache."""


@kernel
def larger(a, b):
    """The larger of two 64-bit integers without a branch (processors cannot foresee which it is)."""
    more = b - a
    return a + (more & ~(more >> np.int64(63)))


@kernel
def row_order(rows):
    """``0, 1, ...`` for :func:`advance_rows`."""
    return np.arange(rows + 2)


@kernel
def advance_rows(ends, beats, stretch, order):
    """One step of ws and is with plain registers: ``max(f[r][t-1] + b[r][t], f[r-1][t] + 1, f[r+1][t-1])``.

    Args:
        ends: ``(rows + 2, WIDTH)`` of the step before, -1 where none was; becomes those of this step. The outermost
            rows lie beyond the edges and stay.
        beats: ``(rows, WIDTH)``. ``stretch (WIDTH)``: no beat is shorter; at least 1.
        order: of :func:`row_order`. Rows are looked up in it so that the compiler cannot see that they are in order:
            it checks its vectors for overlap then row by row; in all rows at once it would find one.

    """
    for r in range(beats.shape[0]):
        above, here, below, beat = ends[order[r]], ends[order[r + 1]], ends[order[r + 2]], beats[r]
        for i in range(WIDTH):
            cycles = max(np.int32(beat[i]), stretch[i])
            end = max(np.int32(here[i] + cycles), np.int32(above[i] + np.int32(1)))
            here[i] = max(end, below[i])


@kernel
def add_beats(sums, beats):
    """Add the beats ``(rows, WIDTH)`` of all rows, at least 1 each, to ``sums (WIDTH)``."""
    for r in range(beats.shape[0]):
        beat = beats[r]
        for i in range(WIDTH):
            sums[i] = np.int32(sums[i] + np.int32(max(np.uint8(1), beat[i])))
