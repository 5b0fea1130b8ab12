"""The weight- and input-stationary array, cycle by cycle.

Every PE has a stationary register with a shadow behind it, a sum that it builds up during a step, and the FIFO below
it. A row's controller sits at its left edge; what it decides in a cycle, and the operands that it sends, move one
column per cycle, kept here in a ring that the columns walk. Loads move in the same way, so column c lives c cycles
behind column 0.

Within a cycle, rows decide from the bottom up: a row sees its FIFO after the row below has popped and before the row
above has pushed, which is what simultaneous pop and push means.

Decisions
---------
* Rows of a partly filled fold: the first ones with ``edge_folds: full`` (the sums pass the unused rows below), the last
  ones with ``used`` (the tile passes the unused rows above).
* A load shifts bottom row first, one row per ``load_row``. With ``full`` the chain stalls where the next row's
  shadow has not been copied yet; a rigid chain would have to know the future. It ends in the same cycle as the page's
  formula. Where a row takes several cycles to fetch, fetching the first begins when the top row's shadow is free.
* ``none`` has no shadow: the chain runs through the stationary registers.
* With ``full`` and ``used`` together, a row that is not used in a fold waits; it may run ahead into the next fold.
* The first used row adds to zero; partial sums of earlier K folds are added behind the array.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from accel_sim.reference.digits_kernel import encode_terms
from accel_sim.reference.pe_kernel import (
    COPY,
    COUNTERS,
    FIFO_BITS,
    FINISH,
    FIRST,
    LAST,
    OPERAND_BITS,
    PSUM_BITS,
    START,
    STATIONARY_BITS,
    UNFINISHED,
    WORK,
    check_line,
    entry_at,
    multiply_line,
    next_entry,
    present_piece,
    start_line,
)
from accel_sim.reference.spec import TERMS
from accel_sim.reference.tables import FULL, NONE

__all__ = ["run_stationary"]

NEVER = -1


@njit(cache=True)
def run_stationary(s, path, t, moving, outputs):
    """Run all folds of ``t`` (:class:`FoldTables`) and add the results to ``outputs`` (moving rows, resting columns).

    Args:
        s, path: :class:`~accel_sim.reference.tables.Structure`, :class:`~accel_sim.reference.pe_kernel.Datapath`.
        moving: ``(moving rows, k)`` int64, what the edges send.

    Returns:
        Cycles, counters (:mod:`~accel_sim.reference.pe_kernel`), and per fold the cycles ``(load start, load end,
        stream start, stream end)``, an end being the first cycle after.
    """
    # Arrays by a local name: taking one out of a record in a loop costs more than the loop.
    fold_rows, fold_cols, first_step, fold_of = t.rows, t.cols, t.first_step, t.fold
    load_row = t.load_row
    source, pace, own_counts, other_counts = t.source, t.pace, t.own_count, t.other_count
    rows, cols, lanes, folds = s.rows, s.cols, path.lanes, len(t.rows)
    ring, width = cols, t.edge.shape[1]
    counters = np.zeros(COUNTERS, np.int64)
    times = np.full((folds, 4), NEVER, np.int64)

    # PE registers. Without a shadow, the load chain is the stationary register itself.
    shadow, shadow_select = np.zeros((rows, cols, lanes), np.int64), np.full((rows, cols, lanes), -1, np.int64)
    if s.overlap == NONE:
        resting, select = shadow, shadow_select
    else:
        resting, select = np.zeros((rows, cols, lanes), np.int64), np.full((rows, cols, lanes), -1, np.int64)
    terms = np.zeros((rows, cols, lanes, 4), np.int64)
    lanes_busy = np.zeros((rows, cols, 2), np.int64)
    total = np.zeros((rows, cols), np.int64)
    fifo = np.zeros((rows, cols, s.fifo_depth), np.int64)
    fifo_first, fifo_count = np.zeros((rows, cols), np.int64), np.zeros((rows, cols), np.int64)

    # What travels along the rows, by the cycle (modulo the ring) in which it left the edge.
    control = np.zeros((rows, ring), np.uint8)
    step_of, extent = np.zeros((rows, ring), np.int64), np.zeros((rows, ring), np.int64)
    phase = np.zeros((rows, ring, 4), np.int64)
    sent_bits = np.zeros((rows, ring), np.int64)
    raw, pieces = np.zeros((rows, ring, width), np.int64), np.zeros((rows, ring, width), np.int64)
    load_fold, load_shift = np.full(ring, NEVER, np.int64), np.zeros(ring, np.int64)

    # Controllers of the rows (column 0).
    plus, minus = np.zeros((rows, width), np.int64), np.zeros((rows, width), np.int64)
    step = np.full(rows, NEVER, np.int64)
    next_step = np.zeros(rows, np.int64)
    worked, elapsed = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    own_index, other_index = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    copied = np.full(rows, NEVER, np.int64)  # last fold whose tile the row has taken over
    waiting = np.zeros(rows, np.int64)  # sums in the FIFO below, as the controller counts them
    steps = len(t.fold)

    # Controller of loads and folds.
    loading, shifts, fetched = 0, 0, 0
    loaded = 0  # folds whose load has ended
    opened = 0  # folds that may stream
    streamed = 0  # folds whose last column has ended
    cycle = 0
    while streamed < folds:
        now = cycle % ring
        if opened < loaded and (s.overlap == FULL or streamed == opened):
            opened += 1

        # Rows decide, bottom up.
        for r in range(rows - 1, -1, -1):
            bits = 0
            if step[r] == NEVER and next_step[r] < steps:
                if s.used_edges:
                    while next_step[r] < steps and r < rows - fold_rows[fold_of[next_step[r]]]:
                        f = fold_of[next_step[r]]
                        next_step[r] = first_step[f + 1] if f + 1 < folds else steps
                if next_step[r] < steps and fold_of[next_step[r]] < opened:
                    step[r] = next_step[r]
                    f = fold_of[step[r]]
                    bits |= START
                    if step[r] == first_step[f]:
                        bits |= COPY
                        copied[r] = f
                        if times[f, 2] == NEVER:
                            times[f, 2] = cycle
                    worked[r] = elapsed[r] = own_index[r] = other_index[r] = 0
            if step[r] == NEVER:
                control[r, now] = 0
                continue
            at = step[r]
            f = fold_of[at]
            place = r - (rows - fold_rows[f]) if s.used_edges else r
            if bits & START:
                _fetch(path, t, moving, f, place, source[at], raw, sent_bits, plus, minus, r, now, s.own_bits)
            else:
                raw[r, now] = raw[r, (cycle - 1) % ring]
            own_count, other_count = own_counts[at, place], other_counts[at, place]
            if own_index[r] < own_count:
                bits |= WORK
                phase[r, now, 0], phase[r, now, 1] = worked[r], other_index[r]
                phase[r, now, 2], phase[r, now, 3] = other_index[r] == other_count - 1, own_index[r]
                present_piece(path, raw, plus, minus, pieces, r, now, own_index[r], own_index[r] == own_count - 1)
                worked[r] += 1
                other_index[r] += 1
                if other_index[r] == other_count:
                    other_index[r] = 0
                    own_index[r] += 1
            elapsed[r] += 1
            first_row = place == 0
            if (
                own_index[r] == own_count
                and elapsed[r] >= pace[at]
                and (first_row or waiting[r - 1] > 0)
                and (r == rows - 1 or waiting[r] < s.fifo_depth)
            ):
                bits |= FINISH
                if at == (first_step[f + 1] if f + 1 < folds else steps) - 1:
                    bits |= LAST
                if first_row:
                    bits |= FIRST
                else:
                    waiting[r - 1] -= 1
                if r < rows - 1:
                    waiting[r] += 1
                for e in range(width):
                    if plus[r, e] | minus[r, e]:
                        counters[UNFINISHED] += 1
                step[r] = NEVER
                next_step[r] = at + 1
            control[r, now], step_of[r, now], extent[r, now] = bits, at, fold_cols[f]

        # The load chain decides.
        load_fold[now] = NEVER
        if loading < folds:
            may_begin = loading == 0
            if loading > 0 and s.overlap == NONE:
                may_begin = streamed >= loading
            elif loading > 0:
                may_begin = opened >= loading
            free = may_begin and _shadow_free(s, t, loading - 1, shifts, copied)
            if may_begin and (shifts > 0 or free):
                fetched = min(fetched + 1, load_row[loading])
            if free and fetched == load_row[loading]:
                load_fold[now], load_shift[now] = loading, shifts
                fetched = 0
                shifts += 1
                if shifts == rows:
                    times[loading, 0], times[loading, 1] = cycle + 1 - rows * load_row[loading], cycle + 1
                    loading += 1
                    loaded += 1
                    shifts = 0

        # PEs, bottom up, every column one cycle behind the column to its left.
        for r in range(rows - 1, -1, -1):
            _copy_row(s, control, extent, r, now, shadow, shadow_select, resting, select, counters)
            start_line(path, control, extent, raw, r, now, select, resting, terms, lanes_busy, counters)
            multiply_line(
                path, control, extent, phase, raw, pieces, r, now, select, resting, terms, lanes_busy, total, counters
            )
            check_line(path, control, extent, r, now, terms, counters)
            streamed += _pass_sums(
                s, t, control, extent, step_of, sent_bits, r, now, cycle, total, fifo, fifo_first, fifo_count,
                outputs, times, counters,
            )  # fmt: skip

        # Tiles move down one row, after the PEs have copied.
        for c in range(cols):
            slot = (cycle - c) % ring
            f = load_fold[slot]
            if f != NEVER and c < fold_cols[f]:
                _shift_tile(s, t, f, load_shift[slot], c, shadow, shadow_select, counters)
        cycle += 1
    end = np.int64(0)
    for f in range(folds):
        end = max(end, times[f, 3])
    return end, counters, times


@njit(cache=True)
def _copy_row(s, control, extent, r, now, shadow, shadow_select, resting, select, counters):
    """PEs of row ``r`` at a fold's first step take their tile over from the shadow."""
    if s.overlap == NONE:
        return
    slot = now + 1
    for c in range(s.cols):
        slot = slot - 1 if slot > 0 else s.cols - 1
        if control[r, slot] & COPY and c < extent[r, slot]:
            for lane in range(resting.shape[2]):
                resting[r, c, lane] = shadow[r, c, lane]
                select[r, c, lane] = shadow_select[r, c, lane]
                if select[r, c, lane] >= 0:
                    counters[STATIONARY_BITS] += s.other_bits


@njit(cache=True)
def _pass_sums(
    s,
    t,
    control,
    extent,
    step_of,
    sent_bits,
    r,
    now,
    cycle,
    total,
    fifo,
    fifo_first,
    fifo_count,
    outputs,
    times,
    counters,
):
    """PEs of row ``r`` whose step ends add the sum from above and pass theirs on; returns the folds that this ends."""
    ended, depth, last_row = 0, s.fifo_depth, r == s.rows - 1
    slot = now + 1
    for c in range(s.cols):
        slot = slot - 1 if slot > 0 else s.cols - 1
        bits = control[r, slot]
        used = c < extent[r, slot]
        if bits & START and used:
            counters[OPERAND_BITS] += sent_bits[r, slot]
        if not bits & FINISH:
            continue
        at = step_of[r, slot]
        if used:
            value = total[r, c]
            total[r, c] = 0
            if not bits & FIRST:
                first = fifo_first[r - 1, c]
                value += fifo[r - 1, c, first]
                fifo_first[r - 1, c] = next_entry(first, depth)
                fifo_count[r - 1, c] -= 1
            counters[PSUM_BITS] += s.acc_bits
            if last_row:
                outputs[t.source[at], t.col_ids[t.col_at[t.fold[at]] + c]] += value
            else:
                fifo[r, c, entry_at(fifo_first[r, c], fifo_count[r, c], depth)] = value
                fifo_count[r, c] += 1
                if depth > 1:
                    counters[FIFO_BITS] += s.acc_bits
        if last_row and bits & LAST and c == (extent[r, slot] if s.used_edges else s.cols) - 1:
            times[t.fold[at], 3] = cycle + 1
            ended += 1
    return ended


@njit(cache=True)
def _fetch(path, t, moving, f, place, source, raw, sent_bits, plus, minus, r, now, bits):
    """A row's edge takes the operands of a step out of its buffer; unused rows and padding get zeros."""
    valid = 0
    for e in range(raw.shape[2]):
        k = t.edge[t.tile_at[f] + place, e] if place < t.rows[f] else -1
        raw[r, now, e] = moving[source, k] if k >= 0 else 0
        valid += k >= 0
        plus[r, e], minus[r, e] = 0, 0
        if path.own_style == TERMS:
            plus[r, e], minus[r, e] = encode_terms(raw[r, now, e], path.csd)
    sent_bits[r, now] = valid * bits


@njit(cache=True)
def _shadow_free(s, t, fold, r, copied):
    """Whether row ``r`` has taken ``fold``'s tile out of its shadow, or never had one."""
    if fold < 0 or s.overlap != FULL:
        return True
    unused = s.used_edges and r < s.rows - t.rows[fold]
    return unused or copied[r] >= fold


@njit(cache=True)
def _shift_tile(s, t, f, shift, c, shadow, shadow_select, counters):
    """Shift number ``shift`` of a load in column ``c``: rows up to it take from above, row 0 from the edge."""
    lanes = shadow.shape[2]
    for r in range(shift, 0, -1):
        for lane in range(lanes):
            shadow[r, c, lane] = shadow[r - 1, c, lane]
            shadow_select[r, c, lane] = shadow_select[r - 1, c, lane]
    place = s.rows - 1 - shift - (s.rows - t.rows[f] if s.used_edges else 0)
    inside = 0 <= place < t.rows[f]
    at = t.pe_at[t.tile_at[f] + place] + c * lanes if inside else 0
    for lane in range(lanes):
        shadow[0, c, lane] = t.value[at + lane] if inside else 0
        shadow_select[0, c, lane] = t.select[at + lane] if inside else -1
    for r in range(shift + 1):
        for lane in range(lanes):
            if shadow_select[r, c, lane] >= 0:
                counters[STATIONARY_BITS] += s.other_bits
