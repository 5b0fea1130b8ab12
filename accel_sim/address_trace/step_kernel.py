"""Kernels: when every line of a fold runs every step (section 4's recurrences), some steps at a time.

Tables of :func:`end_steps` and :func:`start_steps` are ``(depth + steps, lines)``; their first ``depth`` rows hold the
steps before, which a FIFO of ``depth`` entries still looks back at. ``NEVER`` stands for steps that there have not
been. Folds that overlap have that state in their chain.
"""

from __future__ import annotations

from accel_sim.array.output_chain_kernel import chained_start
from accel_sim.array.stationary_chain_kernel import chained_step
from accel_sim.jit import kernel

__all__ = ["NEVER", "chained_ends", "chained_starts", "end_steps", "start_steps"]

NEVER = -(1 << 62)


@kernel
def end_steps(ends, beats, depth):
    """ws, is: fill in the last cycle of every step, from 0 at the fold's first streaming cycle."""
    steps, lines = beats.shape
    for t in range(steps):
        for r in range(lines):
            end = ends[depth + t - 1, r] + beats[t, r]
            if r > 0:
                end = max(end, ends[depth + t, r - 1] + 1)
            if r + 1 < lines:
                end = max(end, ends[t, r + 1])
            ends[depth + t, r] = end


@kernel
def start_steps(starts, free, beats, depth):
    """os: fill in the first cycle of every step; ``free (lines,)``, kept up: first cycle after its last step."""
    steps, lines = beats.shape
    for t in range(steps):
        for r in range(lines):
            start = free[r]
            if r > 0:
                start = max(start, starts[depth + t, r - 1] + 1)
            if r + 1 < lines:
                start = max(start, starts[t, r + 1])
            starts[depth + t, r] = start
            free[r] = start + beats[t, r]


@kernel
def chained_ends(ends, last, beats, chain, rows, depth):
    """:func:`end_steps` ``(steps, lines)`` in a chain; ``last (lines,)``, kept up: of the step before."""
    for t in range(beats.shape[0]):
        chained_step(last, beats[t], chain, last.size, rows, depth)
        ends[t] = last


@kernel
def chained_starts(starts, beats, chain, depth):
    """:func:`start_steps` ``(steps, lines)`` in a chain."""
    for t in range(beats.shape[0]):
        chained_start(starts[t], beats[t], depth, chain)
