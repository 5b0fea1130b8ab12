"""Kernel: the lines of an output-stationary array, fold by fold, by the recurrence of section 4.

    s[r][t] = max( s[r][t-1] + b[r][t-1],  s[r-1][t] + 1,  s[r+1][t-D] )

A line is a PE row; where only the operand from the top is serial (``transposed``), a PE column. With ``fold_overlap:
full`` the folds are one sequence, whose state is a *chain*.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["append_equal_folds", "chain_end", "chained_start", "drain_chain", "new_chain", "run_fold"]

# Scalars of a chain.
END = 0


@kernel
def new_chain(rows, cols, depth):
    """State of a sequence of overlapping folds: per line when it is free and until when its shadow holds it, the
    FIFOs between lines, the end of each column's drain, the end of the sequence.
    """
    lines = max(rows, cols)
    return (
        np.zeros(lines, np.int64),
        np.zeros(lines, np.int64),
        np.zeros((lines, depth), np.int64),
        np.zeros(lines, np.int64),
        np.zeros(lines, np.int64),
        np.zeros(cols, np.int64),
        np.zeros(1, np.int64),
    )


@kernel
def run_fold(beats, shortest, depth, chain):
    """Run a fold with ``beats (lines, steps)`` that last ``shortest (steps,)`` at least, after the one before."""
    lines, steps = beats.shape
    start, beat = np.zeros(lines, np.int64), np.zeros(lines, np.int64)
    for t in range(steps):
        for line in range(lines):
            beat[line] = max(beats[line, t], shortest[t])
        chained_start(start, beat, depth, chain)


@kernel
def chained_start(start, beat, depth, chain):
    """Fill in in which cycle each line starts its next step, which lasts ``beat (lines,)``."""
    free, _, pops, pushed, popped, _, _ = chain
    lines = beat.size
    for line in range(lines):
        begin = free[line]
        if line:
            begin = max(begin, start[line - 1] + 1)
        if line < lines - 1:
            if pushed[line] >= depth:
                begin = max(begin, pops[line, pushed[line] % depth])
            pushed[line] += 1
        if line:
            pops[line - 1, popped[line - 1] % depth] = begin
            popped[line - 1] += 1
        start[line] = begin
        free[line] = begin + beat[line]


@kernel
def drain_chain(chain, lines, across, height, drain_row, drains, transposed):
    """After a fold's steps: its drain, which follows the wave; moves the end of the sequence."""
    free, hold, _, _, _, drained, scalars = chain
    ends = free[:lines].copy()
    if drains:
        for line in range(lines):
            free[line] = max(free[line], hold[line])
            ends[line] = free[line]
    scalars[END] = max(scalars[END], ends.max() + across - 1)
    if not drains:
        return
    length = height * drain_row
    if transposed:
        for c in range(lines):
            begin = max(ends[c] + height - 1, drained[c])
            drained[c] = begin + length
            hold[c] = begin + length - (height - 1)
            scalars[END] = max(scalars[END], begin + length)
    else:
        begin = max(ends.max(), drained[0])
        for r in range(lines):
            hold[r] = begin + (r + 1) * drain_row
        for c in range(across):  # a column that the fold before did not use may be empty sooner
            drained[c] = max(ends.max() + c, drained[c]) + length
            scalars[END] = max(scalars[END], drained[c])


@kernel
def chain_end(chain):
    """Cycle in which everything of the folds so far is finished, drain included."""
    return chain[6][END]


@kernel
def append_equal_folds(
    chain, count, lines, across, height, steps, beat, drain_row, drains, transposed, depth, may_block
):
    """Append ``count`` equal folds of ``steps`` steps of ``beat`` cycles, with their drains.

    Where a FIFO may fill up (``may_block``), by the recurrence; else every line's steps follow one another, and once a
    fold only shifts the chain, so do the rest.
    """
    free, hold, _, _, _, drained, scalars = chain
    columns = lines if transposed else across
    before = np.empty((2, lines), np.int64)
    drained_before = np.empty(columns, np.int64)
    done = 0
    while done < count:
        end = scalars[END]
        for line in range(lines):
            before[0, line], before[1, line] = free[line], hold[line]
        for c in range(columns):
            drained_before[c] = drained[c]
        if may_block:
            run_fold(np.full((lines, steps), beat), np.full(steps, beat), depth, chain)
        else:
            _run_in_step(free, lines, steps * beat)
        drain_chain(chain, lines, across, height, drain_row, drains, transposed)
        done += 1
        shift = free[0] - before[0, 0]
        steady = not may_block and scalars[END] - end == shift
        for line in range(lines):
            steady = steady and free[line] - before[0, line] == shift
            steady = steady and (not drains or hold[line] - before[1, line] == shift)
        for c in range(columns):
            steady = steady and (not drains or drained[c] - drained_before[c] == shift)
        if not steady:
            continue
        rest = (count - done) * shift
        scalars[END] += rest
        for line in range(lines):
            free[line] += rest
            if drains:
                hold[line] += rest
        for c in range(columns):
            if drains:
                drained[c] += rest
        done = count


@kernel
def _run_in_step(free, lines, work):
    """A fold whose lines never wait for a FIFO: each starts when it is free, a cycle after the one above."""
    start = free[0]
    for line in range(lines):
        start = max(free[line], start + 1) if line else free[0]
        free[line] = start + work
