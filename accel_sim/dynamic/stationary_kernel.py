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

# Sums over one block's folds.
EFFECTUAL, GATED, MULTIPLIER_CYCLES, GATED_CYCLES = range(4)


@kernel
def _beats(beat, cost, masks, t, ptr, edge_k, edge_pair, other, lo, hi, group, pairs, reach, scratch):
    """Beats of the used lines ``lo .. hi-1`` in step ``t``, sync groups counted from ``lo``."""
    for start in range(lo, hi, group):
        stop = min(hi, start + group)
        own, rest = 1, 1
        for line in range(start, stop):
            if reach >= 0:
                count = 0
                for e in range(ptr[line], ptr[line + 1]):
                    scratch[count] = masks[t, edge_k[e]]
                    count += 1
                own = max(own, window_cycles(scratch, count, reach))
            else:
                for e in range(ptr[line], ptr[line + 1]):
                    pieces = np.int64(cost[t, edge_k[e]] & PIECES)
                    own = max(own, pieces * edge_pair[e] if pairs else pieces)
            if not pairs:
                rest = max(rest, other[line])
        for line in range(start, stop):
            beat[line - lo] = own * rest


@kernel
def _count(sums, beat, cost, t, ptr, edge_k, edge_all, edge_nonzero, lo, hi, gate_moving, gate_resting):
    """Multiplications of one step and the multipliers' cycles."""
    for line in range(lo, hi):
        effectual, every = 0, 0
        for e in range(ptr[line], ptr[line + 1]):
            every += edge_all[e]
            if not gate_moving or cost[t, edge_k[e]] & NONZERO:
                effectual += edge_nonzero[e] if gate_resting else edge_all[e]
        sums[EFFECTUAL] += effectual
        sums[GATED] += every - effectual
        sums[MULTIPLIER_CYCLES] += beat[line - lo] * effectual
        sums[GATED_CYCLES] += beat[line - lo] * (every - effectual)


@kernel
def _issued(cost, t, first, last, edge_k):
    """Whether any operand of the wave is not zero."""
    for e in range(first, last):  # noqa: SIM110, any() over a generator does not compile
        if cost[t, edge_k[e]] & NONZERO:
            return True
    return False


@kernel
def _step(f, beat, history, t, lines, depth):
    """One step of all lines of a fold by itself; ``history`` holds the ends of the last ``depth`` steps."""
    slot = t % depth
    for line in range(lines):
        end = f[line] + beat[line]
        if line:
            end = max(end, f[line - 1] + 1)
        if line < lines - 1 and t >= depth:
            end = max(end, history[slot, line + 1])
        f[line] = end
    for line in range(lines):  # the entry of step t - depth has been read by every line
        history[slot, line] = f[line]


@kernel
def run_block(
    cost, masks, t0, t1, ptr, edge_k, edge_all, edge_nonzero, edge_pair, other,
    rows, used_edges, group, depth, pairs, reach, gate_moving, gate_resting, skip_waves, idle_beat,
    stretch_first, stretch_later, later_k, chained, chain, load_row, cols, sums,
):  # fmt: skip
    """Run the K folds of one column block over time steps ``t0 .. t1-1``.

    ``cost (steps, k)``: cost bytes of the moving operand, ``masks`` its terms (read where ``reach`` is 0 or more);
    the places are those of :mod:`accel_sim.dynamic.structure_kernel`. Adds to ``sums`` and returns per fold its
    steps, and its streaming cycles up to the first column's end (0 and 0 where no step is issued).
    """
    places = ptr.size - 1
    folds = -(-places // rows)
    streams, issued = np.zeros(folds, np.int64), np.zeros(folds, np.int64)
    beat = np.empty(rows, np.int64)
    f = np.empty(rows, np.int64)
    history = np.zeros((min(depth, max(1, t1 - t0)), rows), np.int64)
    ring = history.shape[0]
    scratch = np.empty(max(1, edge_k.size), np.uint32)
    for fold in range(folds):
        lo, hi = fold * rows, min(places, (fold + 1) * rows)
        lines = hi - lo if used_edges else rows
        first_edge, last_edge = ptr[lo], ptr[hi]
        stretch = stretch_later if later_k or fold else stretch_first
        started = False
        steps = 0
        begin = 0
        for t in range(t0, t1):
            if skip_waves and not _issued(cost, t, first_edge, last_edge, edge_k):
                continue
            if not started:
                started = True
                if chained:
                    begin = begin_fold(chain, rows - lines, rows, load_row)
                for line in range(lines):
                    f[line] = max(chain[0][rows - lines + line], begin - 1) if chained else -1
            _beats(beat, cost, masks, t, ptr, edge_k, edge_pair, other, lo, hi, group, pairs, reach, scratch)
            _count(sums, beat, cost, t, ptr, edge_k, edge_all, edge_nonzero, lo, hi, gate_moving, gate_resting)
            for line in range(hi - lo, lines):
                shared = line // group == (hi - lo - 1) // group  # the group of the last used line
                beat[line] = beat[hi - lo - 1] if shared else idle_beat
            for line in range(lines):
                beat[line] = max(beat[line], stretch)
            if chained:
                chained_step(f, beat, chain, lines, rows, depth)
            else:
                _step(f, beat, history, steps, lines, ring)
            steps += 1
        if not started:
            continue
        streams[fold], issued[fold] = f[lines - 1] + 1, steps
        if chained:
            end_fold(chain, f, lines, rows, cols)
    return streams, issued
