"""Kernel: overlapping folds of ws and is as one sequence of steps, by the recurrence of section 4 on every row.

    f[r][t] = max( f[r][t-1] + b[r][t],  f[r-1][t] + 1,  f[r+1][t-D] )

The state of the sequence is a *chain*; a fold of r rows takes the last r of the array.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = [
    "append_fold",
    "begin_fold",
    "chained_step",
    "end_fold",
    "load_cycles",
    "new_stationary_chain",
    "stationary_chain_end",
]

# Scalars of a chain.
LOAD_END, END = range(2)


@kernel
def new_stationary_chain(rows, depth):
    """State of a sequence of overlapping folds: per row the end of its last step and the cycle in which it copies
    its shadow; per FIFO below a row its last ``depth`` pops, pushes and pops so far; scalars.
    """
    last_end = np.full(rows, -1, np.int64)
    free = np.zeros(rows, np.int64)
    pops = np.zeros((rows, depth), np.int64)
    pushed = np.zeros(rows, np.int64)
    popped = np.zeros(rows, np.int64)
    scalars = np.zeros(2, np.int64)
    return last_end, free, pops, pushed, popped, scalars


@kernel
def stationary_chain_end(chain):
    """First cycle after the last column of the sequence so far."""
    return chain[5][END]


@kernel
def load_cycles(chain, rows, load_row):
    """``(rows + 1,)``: the cycle in which each row of the next fold's load begins to be fetched, the bottom row first,
    and the load's end. A row that has been fetched waits at the top until the shadow that it moves on to is free.
    """
    free, load_end = chain[1], chain[5][LOAD_END]
    cycles = np.empty(rows + 1, np.int64)
    cycles[0] = max(load_end, free[0])
    for shift in range(rows):
        cycles[shift + 1] = max(cycles[shift] + load_row, free[shift] + 1 if shift else 0)
    return cycles


@kernel
def begin_fold(chain, first, rows, load_row):
    """Load the next fold of a sequence through the chain of shadow registers; returns its first streaming cycle."""
    last_end, free, _, _, _, scalars = chain
    begin = load_cycles(chain, rows, load_row)[rows]
    scalars[LOAD_END] = begin
    for r in range(rows):
        free[r] = max(last_end[r] + 1, begin) if r >= first else 0
    return begin


@kernel
def chained_step(f, beat, chain, lines, rows, depth):
    """One step of all lines where FIFOs carry over from the fold before."""
    _, _, pops, pushed, popped, _ = chain
    first = rows - lines
    for line in range(lines):
        r = first + line
        end = f[line] + beat[line]
        if line:
            end = max(end, f[line - 1] + 1)
        if r < rows - 1:
            if pushed[r] >= depth:
                end = max(end, pops[r, pushed[r] % depth])
            pushed[r] += 1
        if line:
            pops[r - 1, popped[r - 1] % depth] = end
            popped[r - 1] += 1
        f[line] = end


@kernel
def end_fold(chain, f, lines, rows, cols):
    """Keep the ends ``f`` of the fold's last step; its results leave ``cols`` columns."""
    for line in range(lines):
        chain[0][rows - lines + line] = f[line]
    chain[5][END] = max(chain[5][END], f[lines - 1] + cols)


@kernel
def append_fold(chain, rows, lines, cols, steps, beat, load_row, depth):
    """Append a fold of ``steps`` steps of ``beat`` cycles."""
    first = rows - lines
    begin = begin_fold(chain, first, rows, load_row)
    f, before, beats = np.empty(lines, np.int64), np.empty(lines, np.int64), np.full(lines, beat)
    for line in range(lines):
        f[line] = max(chain[0][first + line], begin - 1)
    even, t = 0, 0
    while t < steps:
        before[:] = f
        chained_step(f, beats, chain, lines, rows, depth)
        t += 1
        even = even + 1 if np.all(f - before == beat) else 0
        if even > depth:
            # All that the recurrence looks back on has moved by one beat per step, and so will what follows; whole
            # turns of the FIFOs leave their entries in place.
            rest = (steps - t) // depth * depth
            f += rest * beat
            for r in range(first, rows - 1):
                chain[2][r] += rest * beat
                chain[3][r] += rest
                chain[4][r] += rest
            t += rest
            even = 0
    end_fold(chain, f, lines, rows, cols)
