"""Kernel: one step of section 4's recurrence for many independent folds side by side.

A lane of the vectors below is one fold; rows follow each other, as the wave does. A compiler turns the inner loops into
vector instructions, which is what makes the engine fast: the rows of one fold wait for each other, the folds do not.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["WIDTH", "add_beats", "advance_rows", "row_order"]

WIDTH = 64
"""Folds side by side: the state of 32 rows fits the first-level cache."""


@kernel
def row_order(rows):
    """``0, 1, ...`` for :func:`advance_rows`."""
    return np.arange(rows + 2)


@kernel
def advance_rows(before, now, beats, stretch, order):
    """The ends of one step of ws and is: ``max(f[r][t-1] + b[r][t], f[r-1][t] + 1, f[r+1][t-D])``.

    Args:
        before: ``(rows + 2, WIDTH)``, the ends of the step before; the outermost rows lie beyond the edges and stay.
        now: the same of ``D`` steps before; becomes the ends of this step.
        beats: ``(rows, WIDTH)``. ``stretch (WIDTH)``: no beat is shorter.
        order: of :func:`row_order`. Rows are looked up in it so that the compiler cannot see that they are in order:
            it checks its vectors for overlap then row by row; in all rows at once it would find one.

    """
    for r in range(beats.shape[0]):
        own, above, here, below = before[order[r + 1]], now[order[r]], now[order[r + 1]], now[order[r + 2]]
        beat = beats[r]
        for i in range(WIDTH):
            cycles = max(np.int32(beat[i]), stretch[i])
            end = max(np.int32(own[i] + cycles), np.int32(above[i] + np.int32(1)))
            here[i] = max(end, below[i])


@kernel
def add_beats(sums, beats):
    """Add the beats ``(rows, WIDTH)`` of all rows to ``sums (WIDTH)``."""
    for r in range(beats.shape[0]):
        beat = beats[r]
        for i in range(WIDTH):
            sums[i] = np.int32(sums[i] + np.int32(beat[i]))
