"""Kernels: os with beats that depend on values: steps that are issued, beats of all lines, multiplications.

A line is a PE row; where only the operand from the top is serial (``transposed``), a PE column.
"""

from __future__ import annotations

import numpy as np

from accel_sim.dynamic.elastic_kernel import larger
from accel_sim.dynamic.operand_sums_kernel import EFFECTUAL, GATED, GATED_CYCLES, MULTIPLIER_CYCLES
from accel_sim.dynamic.structure_kernel import NONZERO, PIECES, window_cycles
from accel_sim.jit import kernel

__all__ = [
    "column_beats",
    "count_rows",
    "count_transposed",
    "edge_reads",
    "fold_end",
    "issued_work",
    "multiplier_cycles",
    "row_beats",
    "steps_issued",
]

_STEPS = 64  # steps whose beats are worked out row by row: they stay in the cache


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
    """Beats ``(steps, lines)`` of PE rows; unused rows take their group's beat, or ``idle_beat``."""
    used = m1 - m0
    beats = np.full((issued.size, lines), idle_beat, np.int32)
    factor = edge_pair if pairs else np.ones(edge_k.size, np.int64)
    for first in range(0, issued.size, _STEPS):
        places = issued[first : first + _STEPS]
        block = beats[first : first + _STEPS]
        for line in range(used):
            if reach >= 0:
                _line_windows(block, line, masks[m0 + line], places, ptr, edge_k, reach)
            else:
                _line_pieces(block, line, cost[m0 + line], places, ptr, edge_k, factor)
        for step in range(places.size):
            rest = np.int32(1 if pairs else max(1, other[places[step]]))
            _synchronise(block[step], used, lines, group, rest)
    return beats


@kernel
def _line_pieces(beats, line, values, places, ptr, edge_k, factor):
    """The most pieces of the lanes of one row, each times its ``factor``."""
    for step in range(places.size):
        most = np.int64(1)
        for e in range(ptr[places[step]], ptr[places[step] + 1]):
            most = larger(most, np.int64(values[edge_k[e]] & np.uint8(PIECES)) * factor[e])
        beats[step, line] = most


@kernel
def _line_windows(beats, line, masks, places, ptr, edge_k, reach):
    """The same where the lanes of a PE retire their terms within a window."""
    scratch = np.empty(max(1, edge_k.size), np.uint32)
    for step in range(places.size):
        first, last = ptr[places[step]], ptr[places[step] + 1]
        for e in range(first, last):
            scratch[e - first] = masks[edge_k[e]]
        beats[step, line] = max(1, window_cycles(scratch, last - first, reach))


@kernel
def _synchronise(beats, used, lines, group, rest):
    """Give all lines of a sync group the longest beat of its used ones, times what the other operand takes."""
    for start in range(0, used, group):
        longest = np.int32(1)
        for line in range(start, min(used, start + group)):
            longest = max(longest, beats[line])
        for line in range(start, min(lines, start + group)):
            beats[line] = longest * rest


@kernel
def column_beats(cost, masks, first_col, cols, lines, issued, chosen, lanes, group, reach, idle_beat):
    """Beats ``(steps, lines)`` of PE columns: ``cost (k, n)`` of what comes from the top, ``chosen`` its k."""
    beats = np.full((issued.size, lines), idle_beat, np.int32)
    scratch = np.empty(lanes, np.uint32)
    for step in range(issued.size):
        first = issued[step] * lanes
        last = min(chosen.shape[0], first + lanes)
        for c in range(cols):
            most = np.int64(1)
            if reach >= 0:
                for slot in range(first, last):
                    scratch[slot - first] = masks[chosen[slot, c], first_col + c]
                most = max(most, window_cycles(scratch, last - first, reach))
            else:
                for slot in range(first, last):
                    most = max(most, np.int64(cost[chosen[slot, c], first_col + c] & np.uint8(PIECES)))
            beats[step, c] = most
        _synchronise(beats[step], cols, lines, group, np.int32(1))
    return beats


@kernel
def fold_end(beats, shortest, depth):
    """First cycle in which the last line of a fold by itself is free; ``beats (steps, lines)``, ``shortest (steps,)``.

    The recurrence of :mod:`accel_sim.array.output_chain_kernel` without a fold before.
    """
    steps, lines = beats.shape
    ring = min(depth, max(1, steps))
    starts = np.full((ring, lines + 1), -1, np.int64)  # of the last steps; nothing is below the last line
    free = np.zeros(lines, np.int64)
    for t in range(steps):
        start, beat = starts[t % ring], beats[t]
        above = np.int64(-1)
        for line in range(lines):
            above = larger(larger(free[line], start[line + 1]), above + 1)
            start[line] = above
            free[line] = above + larger(np.int64(beat[line]), shortest[t])
    return free.max()


@kernel
def multiplier_cycles(beats, lines, issued, slots):
    """Multiplier cycles of one column (``transposed``: row) of a fold: its beats times the lanes of each step."""
    total = np.int64(0)
    for step in range(issued.size):
        total += beats[step, :lines].sum() * slots[issued[step]]
    return total


@kernel
def edge_reads(ptr, slots, issued, a_bits, a_word, w_bits, w_word):
    """Edge entries and slots of the issued steps, and their words: ``a_bits`` an entry, ``w_bits`` a slot."""
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
def issued_work(cost, m0, m1, issued, ptr, edge_k, edge_work, gate_moving):
    """Pieces that the multipliers of a fold's rows ``m0 .. m1-1`` work on in the issued steps."""
    total = np.int64(0)
    for m in range(m0, m1):
        values = cost[m]
        for place in issued:
            for e in range(ptr[place], ptr[place + 1]):
                value = values[edge_k[e]]
                if not gate_moving or value & np.uint8(NONZERO):
                    total += np.int64(value & np.uint8(PIECES)) * edge_work[e]
    return total


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
            sums[MULTIPLIER_CYCLES] += beats[step, m - m0] * effectual
            sums[GATED_CYCLES] += beats[step, m - m0] * (every - effectual)


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
            sums[MULTIPLIER_CYCLES] += beats[step, c] * effectual
            sums[GATED_CYCLES] += beats[step, c] * (every - effectual)
