"""Kernel: os with beats that depend on values: steps that are issued, beats of all lines, multiplications.

A line is a PE row; where only the operand from the top is serial (``transposed``), a PE column.
"""

from __future__ import annotations

import numpy as np

from accel_sim.dynamic.elastic_kernel import larger
from accel_sim.dynamic.structure_kernel import NONZERO, PIECES, window_cycles
from accel_sim.jit import kernel

__all__ = [
    "column_beats",
    "count_rows",
    "count_transposed",
    "edge_reads",
    "fold_end",
    "multiplier_cycles",
    "row_beats",
    "steps_issued",
]

EFFECTUAL, GATED, MULTIPLIER_CYCLES, GATED_CYCLES = range(4)


@kernel
def steps_issued(cost, m0, m1, ptr, edge_k, skip_waves):
    """Places of the block that are issued for rows ``m0 .. m1-1``: all, or those with a non-zero activation."""
    places = ptr.size - 1
    issued = np.empty(places, np.int64)
    count = 0
    for place in range(places):
        keep = not skip_waves
        for m in range(m0, m1):
            if keep:
                break
            for e in range(ptr[place], ptr[place + 1]):
                if cost[m, edge_k[e]] & NONZERO:
                    keep = True
                    break
        if keep:
            issued[count] = place
            count += 1
    return issued[:count]


@kernel
def row_beats(cost, masks, m0, m1, lines, issued, ptr, edge_k, edge_pair, other, group, pairs, reach, idle_beat):
    """Beats ``(lines, steps)`` of PE rows; unused rows take their group's beat, or ``idle_beat``."""
    used = m1 - m0
    beats = np.full((lines, issued.size), idle_beat, np.int64)
    scratch = np.empty(max(1, edge_k.size), np.uint32)
    for step in range(issued.size):
        place = issued[step]
        for start in range(0, used, group):
            own = 1
            for line in range(start, min(used, start + group)):
                if reach >= 0:
                    count = 0
                    for e in range(ptr[place], ptr[place + 1]):
                        scratch[count] = masks[m0 + line, edge_k[e]]
                        count += 1
                    own = max(own, window_cycles(scratch, count, reach))
                else:
                    for e in range(ptr[place], ptr[place + 1]):
                        pieces = np.int64(cost[m0 + line, edge_k[e]] & PIECES)
                        own = max(own, pieces * edge_pair[e] if pairs else pieces)
            rest = 1 if pairs else max(1, other[place])
            for line in range(start, min(lines, start + group)):
                beats[line, step] = own * rest
    return beats


@kernel
def column_beats(cost, masks, first_col, cols, lines, issued, chosen, lanes, group, reach, idle_beat):
    """Beats ``(lines, steps)`` of PE columns: ``cost (k, n)`` of what comes from the top, ``chosen`` its k."""
    beats = np.full((lines, issued.size), idle_beat, np.int64)
    scratch = np.empty(lanes, np.uint32)
    for step in range(issued.size):
        start_slot = issued[step] * lanes
        stop_slot = min(chosen.shape[0], start_slot + lanes)
        for start in range(0, cols, group):
            own = 1
            for c in range(start, min(cols, start + group)):
                if reach >= 0:
                    for slot in range(start_slot, stop_slot):
                        scratch[slot - start_slot] = masks[chosen[slot, c], first_col + c]
                    own = max(own, window_cycles(scratch, stop_slot - start_slot, reach))
                else:
                    for slot in range(start_slot, stop_slot):
                        own = max(own, np.int64(cost[chosen[slot, c], first_col + c] & PIECES))
            for line in range(start, min(lines, start + group)):
                beats[line, step] = own
    return beats


@kernel
def fold_end(beats, stretch, depth):
    """First cycle in which the last line of a fold by itself is free; ``beats (lines, steps)``.

    The same as :func:`accel_sim.array.output_chain_kernel.run_fold` without a chain, faster.
    """
    lines, steps = beats.shape
    ring = min(depth, max(1, steps))
    starts = np.full((ring, lines + 1), -1, np.int64)  # of the last steps; nothing is below the last line
    free = np.zeros(lines, np.int64)
    for t in range(steps):
        start = starts[t % ring]
        above = np.int64(-1)
        for line in range(lines):
            above = larger(larger(free[line], start[line + 1]), above + 1)
            start[line] = above
            free[line] = above + larger(beats[line, t], stretch)
    return free.max()


@kernel
def multiplier_cycles(beats, lines, issued, slots):
    """Multiplier cycles of one column (``transposed``: row) of a fold: its beats times the lanes of each step."""
    total = np.int64(0)
    for line in range(lines):
        for step in range(issued.size):
            total += np.int64(beats[line, step]) * slots[issued[step]]
    return total


@kernel
def edge_reads(ptr, slots, issued, a_bits, a_word, w_bits, w_word):
    """Edge entries and slots of all issued steps, and their words: ``a_bits`` an entry, ``w_bits`` a slot."""
    entries, weights, a_words, w_words = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for step in range(issued.size):
        place = issued[step]
        size = ptr[place + 1] - ptr[place]
        entries += size
        weights += slots[place]
        a_words += -(-size * a_bits // a_word)
        w_words += -(-slots[place] * w_bits // w_word)
    return entries, weights, a_words, w_words


@kernel
def count_rows(sums, beats, cost, m0, m1, issued, ptr, edge_k, edge_all, edge_nonzero, gate_moving, gate_resting):
    """Multiplications and multiplier cycles of a fold whose beats belong to rows."""
    for step in range(issued.size):
        place = issued[step]
        for m in range(m0, m1):
            effectual, every = 0, 0
            for e in range(ptr[place], ptr[place + 1]):
                every += edge_all[e]
                if not gate_moving or cost[m, edge_k[e]] & NONZERO:
                    effectual += edge_nonzero[e] if gate_resting else edge_all[e]
            sums[EFFECTUAL] += effectual
            sums[GATED] += every - effectual
            sums[MULTIPLIER_CYCLES] += beats[m - m0, step] * effectual
            sums[GATED_CYCLES] += beats[m - m0, step] * (every - effectual)


@kernel
def count_transposed(
    sums, beats, a_cost, w_cost, m0, m1, first_col, cols, issued, chosen, lanes, gate_moving, gate_resting
):
    """The same where beats belong to columns."""
    nonzero_rows = np.zeros(a_cost.shape[1], np.int64)
    for m in range(m0, m1):
        for k in range(a_cost.shape[1]):
            nonzero_rows[k] += a_cost[m, k] >> 7
    rows = m1 - m0
    for step in range(issued.size):
        start_slot = issued[step] * lanes
        stop_slot = min(chosen.shape[0], start_slot + lanes)
        for c in range(cols):
            effectual, every = 0, 0
            for slot in range(start_slot, stop_slot):
                k = chosen[slot, c]
                every += rows
                if not gate_resting or w_cost[k, first_col + c] & NONZERO:
                    effectual += nonzero_rows[k] if gate_moving else rows
            sums[EFFECTUAL] += effectual
            sums[GATED] += every - effectual
            sums[MULTIPLIER_CYCLES] += beats[c, step] * effectual
            sums[GATED_CYCLES] += beats[c, step] * (every - effectual)
