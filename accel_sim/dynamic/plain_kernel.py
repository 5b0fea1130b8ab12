"""Kernel: the common case of :mod:`accel_sim.dynamic.stationary_kernel`, faster.

Nothing is skipped or gated, every row has its own beat, FIFOs are plain registers (D = 1), folds do not overlap in
waves: a beat is one table look-up, and the recurrence runs in place.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["run_plain"]

_BEFORE = -(1 << 30)


@kernel
def run_plain(beats, slots, t0, t1, p0, p1, rows, lines_of_last, idle_beat, stretch_first, stretch_later):
    """Streaming cycles of the K folds of places ``p0 .. p1-1`` up to the first column's end, and the sum of all used
    beats, each times its place's ``slots``.

    ``beats (steps, places)``; a partly filled last fold has ``lines_of_last`` lines, those without a place take
    ``idle_beat``.
    """
    folds = -(-(p1 - p0) // rows)
    streams = np.empty(folds, np.int64)
    total = np.int64(0)
    end = np.empty(rows + 1, np.int32)
    for fold in range(folds):
        first = p0 + fold * rows
        used = min(rows, p1 - first)
        lines = rows if fold < folds - 1 else lines_of_last
        stretch = np.int32(stretch_later if fold else stretch_first)
        idle = max(np.int32(idle_beat), stretch)
        end[:] = -1
        end[lines] = _BEFORE  # nothing below the last line holds it up
        for t in range(t0, t1):
            above = np.int32(_BEFORE)
            for line in range(used):
                beat = np.int32(beats[t, first + line])
                total += beat * slots[first + line]
                done = max(end[line] + max(beat, stretch), above + np.int32(1))
                above = max(done, end[line + 1])  # the line below ended the step before: its register is free
                end[line] = above
            for line in range(used, lines):
                done = max(end[line] + idle, above + np.int32(1))
                above = max(done, end[line + 1])
                end[line] = above
        streams[fold] = end[lines - 1] + 1
    return streams, total
