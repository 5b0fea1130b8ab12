"""Kernel: ws and is with beats that depend on values, by the recurrence of section 4 on every row and step.

    f[r][t] = max( f[r][t-1] + b[r][t],  f[r-1][t] + 1,  f[r+1][t-D] )

The K folds of one column block run in order. Each gets its own recurrence, from -1 in every row (``none``,
``preload``), or they are one sequence that carries its state on (``full``; the state is that of
:mod:`accel_sim.array.stationary_chain_kernel`).
"""

from __future__ import annotations

import numpy as np

from accel_sim.array.stationary_chain_kernel import begin_fold, chained_step, end_fold
from accel_sim.dynamic.structure_kernel import NONZERO, PIECES, window_cycles
from accel_sim.jit import kernel

__all__ = ["run_block"]

_STEPS = 256  # steps whose beats are worked out at once: they stay in the cache
# Sums over one block's folds.
EFFECTUAL, GATED, MULTIPLIER_CYCLES, GATED_CYCLES = range(4)


@kernel
def _issued_steps(steps, t, t1, cost, first, last, edge_k, skip_waves):
    """Fill ``steps`` with the next steps of ``t .. t1-1`` that are issued; returns their number and the step after."""
    count = 0
    while t < t1 and count < steps.size:
        issued = not skip_waves
        for e in range(first, last):
            if issued:
                break
            issued = cost[t, edge_k[e]] & NONZERO != 0
        if issued:
            steps[count] = t
            count += 1
        t += 1
    return count, t


@kernel
def _own_pieces(cost, masks, t, first, last, edge_k, edge_pair, pairs, reach, scratch):
    """What the operands at the edge of one place make of a beat in step ``t``."""
    own = 1
    if reach >= 0:
        for e in range(first, last):
            scratch[e - first] = masks[t, edge_k[e]]
        return max(own, window_cycles(scratch, last - first, reach))
    for e in range(first, last):
        pieces = np.int64(cost[t, edge_k[e]] & PIECES)
        own = max(own, pieces * edge_pair[e] if pairs else pieces)
    return own


@kernel
def _take_beats(beats, steps, cost, masks, ptr, edge_k, edge_pair, other, lo, lines, group, pairs, reach, idle_beat):
    """Beats ``(steps, lines)`` of a fold whose places begin at ``lo``, sync groups counted from there.

    Lines without a place take the beat of their group, or ``idle_beat``.
    """
    used = min(lines, ptr.size - 1 - lo)
    scratch = np.empty(max(1, edge_k.size), np.uint32)
    for i in range(steps.size):
        for start in range(0, used, group):
            own, rest = 1, 1
            for place in range(lo + start, lo + min(used, start + group)):
                first, last = ptr[place], ptr[place + 1]
                pieces = _own_pieces(cost, masks, steps[i], first, last, edge_k, edge_pair, pairs, reach, scratch)
                own = max(own, pieces)
                if not pairs:
                    rest = max(rest, other[place])
            for line in range(start, min(lines, start + group)):
                beats[i, line] = own * rest
        for line in range(-(-used // group) * group, lines):
            beats[i, line] = idle_beat


@kernel
def _count(sums, beats, steps, cost, ptr, edge_k, edge_all, edge_nonzero, lo, hi, gate_moving, gate_resting):
    """Multiplications of these steps and the multipliers' cycles."""
    for place in range(lo, hi):
        every, without_gates = np.int64(0), np.int64(0)
        for e in range(ptr[place], ptr[place + 1]):
            every += edge_all[e]
            without_gates += edge_nonzero[e] if gate_resting else edge_all[e]
        total, effectual, effectual_cycles = np.int64(0), np.int64(0), np.int64(0)
        for i in range(steps.size):
            beat = np.int64(beats[i, place - lo])
            total += beat
            if gate_moving:
                here = np.int64(0)
                for e in range(ptr[place], ptr[place + 1]):
                    if cost[steps[i], edge_k[e]] & NONZERO:
                        here += edge_nonzero[e] if gate_resting else edge_all[e]
                effectual += here
                effectual_cycles += beat * here
        if not gate_moving:
            effectual, effectual_cycles = steps.size * without_gates, total * without_gates
        sums[EFFECTUAL] += effectual
        sums[GATED] += steps.size * every - effectual
        sums[MULTIPLIER_CYCLES] += effectual_cycles
        sums[GATED_CYCLES] += total * every - effectual_cycles


@kernel
def _advance(f, beats, first, count, lines, stretch):
    """Steps ``first .. count-1`` of ``beats`` with plain registers (D = 1) below the rows."""
    for i in range(first, count):
        above = np.int64(-1)
        for line in range(lines):
            above = max(f[line] + max(np.int64(beats[i, line]), stretch), above + 1)
            if line < lines - 1:
                above = max(above, f[line + 1])  # the row below ended the step before: its register is free
            f[line] = above


@kernel
def _advance_deep(f, beats, count, lines, stretch, history, done):
    """The first ``count`` steps of ``beats`` with FIFOs: ``history`` holds the ends of the last D of ``done`` steps."""
    depth = history.shape[0]
    for i in range(count):
        before = history[(done + i) % depth]
        above = np.int64(-1)
        for line in range(lines):
            above = max(f[line] + max(np.int64(beats[i, line]), stretch), above + 1)
            if line < lines - 1 and done + i >= depth:
                above = max(above, before[line + 1])
            f[line] = above
            before[line] = above


@kernel
def _advance_chained(f, beats, count, lines, stretch, chain, rows, depth, done):
    """The first ``count`` steps of ``beats`` of a fold in the wake of the one before, after ``done`` steps of it."""
    _, _, pops, pushed, popped, _ = chain
    beat = np.empty(lines, np.int64)
    for i in range(count):
        if depth == 1 and done + i > 0:  # from the second step on, what is below is this fold's own
            _advance(f, beats, i, count, lines, stretch)
            for r in range(rows - lines, rows - 1):
                pops[r, 0] = f[r + 1 - rows + lines]
                pushed[r] += count - i
                popped[r] += count - i
            break
        for line in range(lines):
            beat[line] = max(np.int64(beats[i, line]), stretch)
        chained_step(f, beat, chain, lines, rows, depth)


@kernel
def run_block(
    cost, masks, t0, t1, ptr, edge_k, edge_all, edge_nonzero, edge_pair, other,
    rows, used_edges, group, depth, pairs, reach, gate_moving, gate_resting, skip_waves, idle_beat,
    stretch, load_row, later_k, chained, chains, cols, sums,
):  # fmt: skip
    """Run the K folds of one column block over time steps ``t0 .. t1-1``.

    ``cost (steps, k)``: cost bytes of the moving operand, ``masks`` its terms (read where ``reach`` is 0 or more);
    the places are those of :mod:`accel_sim.dynamic.structure_kernel`. ``stretch (sequences, 2)``: the shortest beat of
    the first K fold and of later ones, for each sequence of folds that is timed; ``load_row`` and ``chains`` likewise.
    Adds to ``sums`` and returns the streaming cycles ``(sequences, folds)`` up to the first column's end, and the steps
    of every fold (0 and 0 where none is issued).
    """
    places, sequences = ptr.size - 1, stretch.shape[0]
    folds = -(-places // rows)
    streams, issued = np.zeros((sequences, folds), np.int64), np.zeros(folds, np.int64)
    beats = np.empty((min(_STEPS, t1 - t0), rows), np.int32)
    steps = np.empty(beats.shape[0], np.int64)
    f = np.empty((sequences, rows), np.int64)
    history = np.zeros((sequences, min(depth, t1 - t0), rows), np.int64)
    for fold in range(folds):
        lo, hi = fold * rows, min(places, (fold + 1) * rows)
        lines = hi - lo if used_edges else rows
        t, done = t0, 0
        while True:
            count, t = _issued_steps(steps, t, t1, cost, ptr[lo], ptr[hi], edge_k, skip_waves)
            if count == 0:
                break
            now = steps[:count]
            _take_beats(
                beats, now, cost, masks, ptr, edge_k, edge_pair, other, lo, lines, group, pairs, reach, idle_beat
            )
            _count(sums, beats, now, cost, ptr, edge_k, edge_all, edge_nonzero, lo, hi, gate_moving, gate_resting)
            for i in range(sequences):
                shortest = stretch[i, 1 if later_k or fold else 0]
                if done == 0:
                    f[i] = -1
                    if chained:
                        begin = begin_fold(chains[i], rows - lines, rows, load_row[i])
                        for line in range(lines):
                            f[i, line] = max(chains[i][0][rows - lines + line], begin - 1)
                if chained:
                    _advance_chained(f[i], beats, count, lines, shortest, chains[i], rows, depth, done)
                elif depth == 1:
                    _advance(f[i], beats, 0, count, lines, shortest)
                else:
                    _advance_deep(f[i], beats, count, lines, shortest, history[i], done)
            done += count
        issued[fold] = done
        for i in range(sequences):
            if done:
                streams[i, fold] = f[i, lines - 1] + 1
                if chained:
                    end_fold(chains[i], f[i], lines, rows, cols)
    return streams, issued
