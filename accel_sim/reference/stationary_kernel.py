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
* A load shifts bottom row first, one row per ``load_row_cycles``. With ``full`` the chain stalls where the next row's
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
    GATED_CYCLES,
    MULTIPLIER_CYCLES,
    OPERAND_BITS,
    PSUM_BITS,
    START,
    STATIONARY_BITS,
    UNFINISHED,
    WORK,
    busy_lanes,
    multiply,
    present_piece,
    start_step,
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
    step_of, part_of = np.zeros((rows, ring), np.int64), np.zeros((rows, ring), np.int64)
    digit_of = np.zeros((rows, ring), np.int64)
    top_digit = np.zeros((rows, ring), np.bool_)
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
                    while next_step[r] < steps and r < rows - t.rows[t.fold[next_step[r]]]:
                        f = t.fold[next_step[r]]
                        next_step[r] = t.first_step[f + 1] if f + 1 < folds else steps
                if next_step[r] < steps and t.fold[next_step[r]] < opened:
                    step[r] = next_step[r]
                    f = t.fold[step[r]]
                    bits |= START
                    if step[r] == t.first_step[f]:
                        bits |= COPY
                        copied[r] = f
                        if times[f, 2] == NEVER:
                            times[f, 2] = cycle
                    worked[r] = elapsed[r] = own_index[r] = other_index[r] = 0
            if step[r] == NEVER:
                control[r, now] = 0
                continue
            at = step[r]
            f = t.fold[at]
            place = r - (rows - t.rows[f]) if s.used_edges else r
            if bits & START:
                _fetch(path, t, moving, f, place, t.source[at], raw, sent_bits, plus, minus, r, now, s.own_bits)
            else:
                raw[r, now] = raw[r, (cycle - 1) % ring]
            own_count, other_count = t.own_count[at, place], t.other_count[at, place]
            if own_index[r] < own_count:
                bits |= WORK
                part_of[r, now] = worked[r]
                digit_of[r, now] = other_index[r]
                top_digit[r, now] = other_index[r] == other_count - 1
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
                and elapsed[r] >= t.pace[f]
                and (first_row or waiting[r - 1] > 0)
                and (r == rows - 1 or waiting[r] < s.fifo_depth)
            ):
                bits |= FINISH
                if not first_row:
                    waiting[r - 1] -= 1
                if r < rows - 1:
                    waiting[r] += 1
                for e in range(width):
                    if plus[r, e] | minus[r, e]:
                        counters[UNFINISHED] += 1
                step[r] = NEVER
                next_step[r] = at + 1
            control[r, now] = bits
            step_of[r, now] = at

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
                fetched = min(fetched + 1, s.load_row_cycles)
            if free and fetched == s.load_row_cycles:
                load_fold[now], load_shift[now] = loading, shifts
                fetched = 0
                shifts += 1
                if shifts == rows:
                    times[loading, 0], times[loading, 1] = cycle + 1 - rows * s.load_row_cycles, cycle + 1
                    loading += 1
                    loaded += 1
                    shifts = 0

        # PEs, bottom up, every column one cycle behind the column to its left.
        for r in range(rows - 1, -1, -1):
            for c in range(cols):
                slot = (cycle - c) % ring
                bits = control[r, slot]
                if bits == 0:
                    continue
                at = step_of[r, slot]
                f = t.fold[at]
                used = c < t.cols[f]
                if used:
                    if bits & COPY and s.overlap != NONE:
                        for lane in range(lanes):
                            resting[r, c, lane] = shadow[r, c, lane]
                            select[r, c, lane] = shadow_select[r, c, lane]
                            if select[r, c, lane] >= 0:
                                counters[STATIONARY_BITS] += s.other_bits
                    if bits & START:
                        counters[OPERAND_BITS] += sent_bits[r, slot]
                        start_step(path, raw, r, slot, select, resting, terms, lanes_busy, r, c, counters)
                    if bits & WORK:
                        counters[MULTIPLIER_CYCLES] += lanes_busy[r, c, 0]
                        counters[GATED_CYCLES] += lanes_busy[r, c, 1]
                        total[r, c] += multiply(
                            path, raw, pieces, r, slot, select, resting, terms, r, c,
                            part_of[r, slot], digit_of[r, slot], top_digit[r, slot],
                        )  # fmt: skip
                if bits & FINISH:
                    place = r - (rows - t.rows[f]) if s.used_edges else r
                    if used:
                        counters[UNFINISHED] += busy_lanes(path, terms, r, c)
                        value = total[r, c]
                        total[r, c] = 0
                        if place > 0:
                            value += fifo[r - 1, c, fifo_first[r - 1, c]]
                            fifo_first[r - 1, c] = (fifo_first[r - 1, c] + 1) % s.fifo_depth
                            fifo_count[r - 1, c] -= 1
                        counters[PSUM_BITS] += s.acc_bits
                        if r < rows - 1:
                            fifo[r, c, (fifo_first[r, c] + fifo_count[r, c]) % s.fifo_depth] = value
                            fifo_count[r, c] += 1
                            if s.fifo_depth > 1:
                                counters[FIFO_BITS] += s.acc_bits
                        else:
                            outputs[t.source[at], t.col_ids[t.col_at[f] + c]] += value
                    last_column = t.cols[f] - 1 if s.used_edges else cols - 1
                    last_step = (t.first_step[f + 1] if f + 1 < folds else steps) - 1
                    if r == rows - 1 and c == last_column and at == last_step:
                        times[f, 3] = cycle + 1
                        streamed += 1

        # Tiles move down one row, after the PEs have copied.
        for c in range(cols):
            slot = (cycle - c) % ring
            f = load_fold[slot]
            if f != NEVER and c < t.cols[f]:
                _shift_tile(s, t, f, load_shift[slot], c, shadow, shadow_select, counters)
        cycle += 1
    end = np.int64(0)
    for f in range(folds):
        end = max(end, times[f, 3])
    return end, counters, times


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
