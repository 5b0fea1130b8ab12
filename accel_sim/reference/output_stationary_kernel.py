"""The output-stationary array, cycle by cycle.

The array is elastic along its *lines*: rows, or columns where only the operand from the top is serial. The operand
that moves along a line (``own``) enters at its first place and moves one place per cycle, with the line controller's
bits; the other one crosses the lines through FIFOs, entering at line 0. So place p of a line lives p cycles behind
place 0. In each PE a sum is held; results leave through a chain of shadow registers that runs down the columns.

Within a cycle: drains shift, then lines decide from the last to the first (so pop and push are simultaneous), then
PEs work.

Decisions
---------
* Results shift down and leave below the last row of the array (``edge_folds: full``) or below the fold's last used
  row (``used``).
* ``none`` has no shadow: the chain runs through the sums.
* ``preload`` has one shadow per PE. A fold's results move into it when its streaming and the drain before it have
  ended; only then may the next fold stream.
* ``full``: a line's last step of a fold hands its sums over to the shadow as the wave passes, and lasts until the
  shadow's earlier results have gone. A column drains once all its rows have handed over and its drain before has
  ended. With equal folds and a constant beat this puts folds ``max(T·b, rows)`` apart, as the page says.
* ``os_drain: false``: results are simply there when their sums are finished.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from accel_sim.reference.digits_kernel import encode_terms
from accel_sim.reference.pe_kernel import (
    COUNTERS,
    FIFO_BITS,
    FINISH,
    GATED_CYCLES,
    HAND_OVER,
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
from accel_sim.reference.tables import FULL, NONE, PRELOAD

__all__ = ["run_output_stationary"]

NEVER = -1


@njit(cache=True)
def run_output_stationary(s, path, t, activations, outputs):
    """Run all folds of ``t`` (:class:`FoldTables`) and write the results to ``outputs`` (m, n).

    Args:
        s, path: :class:`~accel_sim.reference.tables.Structure`, :class:`~accel_sim.reference.pe_kernel.Datapath`.
        activations: ``(m, k)`` int64.

    Returns:
        Cycles, counters (:mod:`~accel_sim.reference.pe_kernel`), and per fold the cycles ``(stream start, stream end,
        drain start, drain end)``, an end being the first cycle after.
    """
    lines, places = (s.cols, s.rows) if s.transposed else (s.rows, s.cols)
    lanes, folds, steps = path.lanes, len(t.rows), len(t.fold)
    ring, width = places, t.edge.shape[1]
    own_width, other_width = (lanes, width) if s.transposed else (width, lanes)
    counters = np.zeros(COUNTERS, np.int64)
    times = np.full((folds, 4), NEVER, np.int64)

    # PE registers, by line and place.
    held = np.zeros((lines, places, other_width), np.int64)
    select = np.full((lines, places, lanes), -1, np.int64)
    terms = np.zeros((lines, places, lanes, 4), np.int64)
    lanes_busy = np.zeros((lines, places, 2), np.int64)
    # A FIFO entry: bits of the operand's valid lanes, its lanes, and the index of each lane.
    fifo = np.zeros((lines, places, s.fifo_depth, 1 + other_width + lanes), np.int64)
    entry = np.zeros(1 + other_width + lanes, np.int64)
    fifo_first, fifo_count = np.zeros((lines, places), np.int64), np.zeros((lines, places), np.int64)

    # Sums and the chain of results, by row and column; without a shadow the chain is the sums.
    total = np.zeros((s.rows, s.cols), np.int64)
    shadow = total if s.overlap == NONE else np.zeros((s.rows, s.cols), np.int64)
    result_row = np.full((s.rows, s.cols), NEVER, np.int64)  # output row of a result in the chain
    drain_fold = np.zeros(s.cols, np.int64)  # fold whose results the column drains or will drain next
    draining = np.zeros(s.cols, np.bool_)
    shifts, waited = np.zeros(s.cols, np.int64), np.zeros(s.cols, np.int64)
    handed = np.zeros((folds, s.cols), np.int64)  # rows that have handed over

    # What travels along the lines, by the cycle (modulo the ring) in which it left the edge.
    control = np.zeros((lines, ring), np.uint8)
    step_of, part_of = np.zeros((lines, ring), np.int64), np.zeros((lines, ring), np.int64)
    digit_of = np.zeros((lines, ring), np.int64)
    top_digit = np.zeros((lines, ring), np.bool_)
    sent_bits = np.zeros((lines, ring), np.int64)
    raw, pieces = np.zeros((lines, ring, own_width), np.int64), np.zeros((lines, ring, own_width), np.int64)
    sent_select = np.full((lines, ring, lanes), -1, np.int64)

    # Controllers of the lines (place 0).
    plus, minus = np.zeros((lines, own_width), np.int64), np.zeros((lines, own_width), np.int64)
    step = np.full(lines, NEVER, np.int64)
    next_step = np.zeros(lines, np.int64)
    worked, elapsed = np.zeros(lines, np.int64), np.zeros(lines, np.int64)
    own_index, other_index = np.zeros(lines, np.int64), np.zeros(lines, np.int64)
    handed_fold = np.full(lines, NEVER, np.int64)  # last fold that the line has handed over
    waiting = np.zeros(lines, np.int64)  # operands in the FIFO behind the line, as the controller counts them

    opened = folds if s.overlap == FULL else 0
    finished = np.zeros(folds, np.int64)  # PEs that have ended the fold's last step
    streamed, taken, drained = 0, 0, 0  # folds streamed; moved into the chain; out of the array
    cycle = 0
    while drained < folds:
        now = cycle % ring
        if s.overlap != FULL:
            # The shadow takes a finished fold's sums once it is empty.
            if taken < streamed and drained == taken:
                _take_results(s, t, taken, total, shadow, result_row, draining, outputs, counters)
                taken += 1
                if s.drains:
                    times[taken - 1, 2] = cycle
                else:
                    drained += 1
            ready = taken if s.overlap == PRELOAD else drained
            if opened < folds and ready == opened:
                opened += 1

        # Chains shift.
        for c in range(s.cols):
            while not draining[c] and drain_fold[c] < folds and s.used_edges and c >= t.cols[drain_fold[c]]:
                drain_fold[c] += 1
            f = drain_fold[c]
            if f == folds or not s.drains:
                continue
            height = t.rows[f] if s.used_edges else s.rows
            if s.overlap == FULL and not draining[c] and handed[f, c] == height:
                draining[c] = True
                if times[f, 2] == NEVER:
                    times[f, 2] = cycle
            if not draining[c]:
                continue
            waited[c] += 1
            if waited[c] < s.drain_row_cycles:
                continue
            waited[c] = 0
            _shift_results(s, t, f, c, shifts[c], height, shadow, result_row, outputs, counters)
            shifts[c] += 1
            if shifts[c] == height:
                shifts[c], draining[c] = 0, False
                drain_fold[c] += 1
                times[f, 3] = cycle + 1
                drained = _count_drained(s, t, drain_fold, drained, folds)

        # Lines decide, last to first.
        for e in range(lines - 1, -1, -1):
            bits = 0
            if step[e] == NEVER:
                while s.used_edges and next_step[e] < steps and e >= _used_lines(s, t, t.fold[next_step[e]]):
                    f = t.fold[next_step[e]]
                    next_step[e] = t.first_step[f + 1] if f + 1 < folds else steps
                if next_step[e] < steps:
                    f = t.fold[next_step[e]]
                    last_line = e == (_used_lines(s, t, f) if s.used_edges else lines) - 1
                    if f < opened and (e == 0 or waiting[e - 1] > 0) and (last_line or waiting[e] < s.fifo_depth):
                        bits |= START
                        step[e] = next_step[e]
                        worked[e] = elapsed[e] = own_index[e] = other_index[e] = 0
                        if e > 0:
                            waiting[e - 1] -= 1
                        if not last_line:
                            waiting[e] += 1
                        if times[f, 0] == NEVER:
                            times[f, 0] = cycle
            if step[e] == NEVER:
                control[e, now] = 0
                continue
            at = step[e]
            f = t.fold[at]
            if bits & START:
                _fetch(s, path, t, activations, f, t.source[at], e, now, raw, sent_select, sent_bits, plus, minus)
            else:
                raw[e, now] = raw[e, (cycle - 1) % ring]
            own_count, other_count = t.own_count[at, e], t.other_count[at, e]
            if own_index[e] < own_count:
                bits |= WORK
                part_of[e, now] = worked[e]
                digit_of[e, now] = other_index[e]
                top_digit[e, now] = other_index[e] == other_count - 1
                present_piece(path, raw, plus, minus, pieces, e, now, own_index[e], own_index[e] == own_count - 1)
                worked[e] += 1
                other_index[e] += 1
                if other_index[e] == other_count:
                    other_index[e] = 0
                    own_index[e] += 1
            elapsed[e] += 1
            if own_index[e] == own_count and elapsed[e] >= t.pace[f]:
                last_step = at == (t.first_step[f + 1] if f + 1 < folds else steps) - 1
                hands_over = last_step and s.overlap == FULL
                if (
                    not hands_over
                    or not s.drains
                    or _may_hand_over(s, t, e, handed_fold, drain_fold, draining, shifts, waited)
                ):
                    bits |= FINISH
                    if hands_over:
                        bits |= HAND_OVER
                        handed_fold[e] = f
                    for lane in range(own_width):
                        if plus[e, lane] | minus[e, lane]:
                            counters[UNFINISHED] += 1
                    step[e] = NEVER
                    next_step[e] = at + 1
            control[e, now] = bits
            step_of[e, now] = at

        # PEs, last line first, every place one cycle behind the place before it.
        for e in range(lines - 1, -1, -1):
            for p in range(places):
                slot = (cycle - p) % ring
                bits = control[e, slot]
                if bits == 0:
                    continue
                at = step_of[e, slot]
                f = t.fold[at]
                row, col = (p, e) if s.transposed else (e, p)
                used = row < t.rows[f] and col < t.cols[f]
                if s.used_edges and not used:
                    continue
                if bits & START:
                    if e == 0:
                        _cross_operand(s, t, activations, f, t.source[at], p, lanes, entry)
                    else:
                        entry[:] = fifo[e - 1, p, fifo_first[e - 1, p]]
                        fifo_first[e - 1, p] = (fifo_first[e - 1, p] + 1) % s.fifo_depth
                        fifo_count[e - 1, p] -= 1
                    if e < (_used_lines(s, t, f) if s.used_edges else lines) - 1:
                        fifo[e, p, (fifo_first[e, p] + fifo_count[e, p]) % s.fifo_depth] = entry
                        fifo_count[e, p] += 1
                        if s.fifo_depth > 1 and used and e + 1 < _used_lines(s, t, f):
                            counters[FIFO_BITS] += entry[0]
                    held[e, p] = entry[1 : 1 + other_width]
                    if used:
                        for lane in range(lanes):
                            index = sent_select[e, slot, lane] if s.transposed else entry[1 + other_width + lane]
                            select[e, p, lane] = index
                        counters[OPERAND_BITS] += sent_bits[e, slot] + entry[0]
                        start_step(path, raw, e, slot, select, held, terms, lanes_busy, e, p, counters)
                if not used:
                    if bits & HAND_OVER:
                        handed[f, col] += 1
                    if bits & FINISH and at == (t.first_step[f + 1] if f + 1 < folds else steps) - 1:
                        finished[f] += 1
                    continue
                if bits & WORK:
                    counters[MULTIPLIER_CYCLES] += lanes_busy[e, p, 0]
                    counters[GATED_CYCLES] += lanes_busy[e, p, 1]
                    total[row, col] += multiply(
                        path, raw, pieces, e, slot, select, held, terms, e, p,
                        part_of[e, slot], digit_of[e, slot], top_digit[e, slot],
                    )  # fmt: skip
                if bits & FINISH:
                    counters[PSUM_BITS] += s.acc_bits
                    counters[UNFINISHED] += busy_lanes(path, terms, e, p)
                    if at == (t.first_step[f + 1] if f + 1 < folds else steps) - 1:
                        finished[f] += 1
                if bits & HAND_OVER:
                    handed[f, col] += 1
                    if s.drains:
                        shadow[row, col] = total[row, col]
                        result_row[row, col] = t.row_ids[t.row_at[f] + row]
                        counters[STATIONARY_BITS] += s.acc_bits
                    else:
                        outputs[t.row_ids[t.row_at[f] + row], t.col_ids[t.col_at[f] + col]] += total[row, col]
                    total[row, col] = 0
        cycle += 1
        for f in range(streamed, folds):
            if times[f, 1] != NEVER:
                continue
            if finished[f] == 0:
                break
            if finished[f] == (t.rows[f] * t.cols[f] if s.used_edges else s.rows * s.cols):
                times[f, 1] = cycle
        while streamed < folds and times[streamed, 1] != NEVER:
            streamed += 1
            if s.overlap == FULL and not s.drains:
                drained += 1
    end = np.int64(0)
    for f in range(folds):
        end = max(end, times[f, 1], times[f, 3])
    return end, counters, times


@njit(cache=True, inline="always")
def _used_lines(s, t, f):
    return t.cols[f] if s.transposed else t.rows[f]


@njit(cache=True)
def _count_drained(s, t, drain_fold, drained, folds):
    """Folds that no column has left to drain."""
    while drained < folds:
        for c in range(t.cols[drained] if s.used_edges else s.cols):
            if drain_fold[c] <= drained:
                return drained
        drained += 1
    return drained


@njit(cache=True)
def _fetch(s, path, t, activations, f, place, e, now, raw, select, sent_bits, plus, minus):
    """A line's edge takes its operands of a step; unused lines and padding get zeros."""
    valid = 0
    lanes = select.shape[2]
    tile_place = t.tile_at[f] + place
    for lane in range(raw.shape[2]):
        value = np.int64(0)
        if s.transposed and e < t.cols[f]:
            at = t.pe_at[tile_place] + e * lanes + lane
            value, select[e, now, lane] = t.value[at], t.select[at]
            valid += t.select[at] >= 0
        elif not s.transposed and e < t.rows[f] and t.edge[tile_place, lane] >= 0:
            value = activations[t.row_ids[t.row_at[f] + e], t.edge[tile_place, lane]]
            valid += 1
        raw[e, now, lane] = value
        plus[e, lane], minus[e, lane] = 0, 0
        if path.own_style == TERMS:
            plus[e, lane], minus[e, lane] = encode_terms(value, path.csd)
    sent_bits[e, now] = valid * s.own_bits


@njit(cache=True)
def _cross_operand(s, t, activations, f, place, p, lanes, entry):
    """The operand that enters line 0 at place ``p`` for a step, as a FIFO entry."""
    valid = 0
    entry[:] = 0
    tile_place = t.tile_at[f] + place
    other_width = len(entry) - 1 - lanes
    if s.transposed:
        for e in range(other_width):
            if p < t.rows[f] and t.edge[tile_place, e] >= 0:
                entry[1 + e] = activations[t.row_ids[t.row_at[f] + p], t.edge[tile_place, e]]
                valid += 1
    elif p < t.cols[f]:
        for lane in range(lanes):
            at = t.pe_at[tile_place] + p * lanes + lane
            entry[1 + lane], entry[1 + other_width + lane] = t.value[at], t.select[at]
            valid += t.select[at] >= 0
    entry[0] = valid * s.other_bits


@njit(cache=True)
def _take_results(s, t, f, total, shadow, result_row, draining, outputs, counters):
    """All sums of a fold move into the chain at once (no drain: to the outputs)."""
    for row in range(t.rows[f]):
        for col in range(t.cols[f]):
            value = total[row, col]
            if not s.drains:
                outputs[t.row_ids[t.row_at[f] + row], t.col_ids[t.col_at[f] + col]] += value
                total[row, col] = 0
                continue
            result_row[row, col] = t.row_ids[t.row_at[f] + row]
            if s.overlap != NONE:
                shadow[row, col] = value
                total[row, col] = 0
                counters[STATIONARY_BITS] += s.acc_bits
    if s.drains:
        draining[: t.cols[f] if s.used_edges else s.cols] = True


@njit(cache=True)
def _shift_results(s, t, f, c, shift, height, shadow, result_row, outputs, counters):
    """The chain of a column moves down one row, its last entry leaves; rows above ``shift`` have moved out."""
    last = height - 1
    if result_row[last, c] != NEVER:
        outputs[result_row[last, c], t.col_ids[t.col_at[f] + c]] += shadow[last, c]
    for row in range(last, shift, -1):
        if result_row[row - 1, c] != NEVER:
            counters[STATIONARY_BITS] += s.acc_bits
        shadow[row, c], result_row[row, c] = shadow[row - 1, c], result_row[row - 1, c]
    shadow[shift, c], result_row[shift, c] = 0, NEVER


@njit(cache=True)
def _may_hand_over(s, t, e, handed_fold, drain_fold, draining, shifts, waited):
    """Whether the shadows that a line's wave will reach are empty by then.

    Rows as lines: row e of column 0 must be empty after this cycle. Columns as lines: the wave gets to row p after p
    cycles, so the column must be drained when it gets to the last row that still held results.
    """
    before = handed_fold[e]
    if before == NEVER:
        return True
    c = e if s.transposed else 0
    if drain_fold[c] != before:
        return drain_fold[c] > before
    if not draining[c]:
        return False
    if not s.transposed:
        return shifts[c] > e
    height = t.rows[before] if s.used_edges else s.rows
    return (height - shifts[c]) * s.drain_row_cycles - waited[c] <= height - 1
