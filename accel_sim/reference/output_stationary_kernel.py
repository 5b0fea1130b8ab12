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

from accel_sim.reference.digits_kernel import encode_minority, encode_terms
from accel_sim.reference.drain_kernel import NEVER, count_drained, may_hand_over, shift_results, take_results
from accel_sim.reference.pe_kernel import (
    COUNTERS,
    FIFO_BITS,
    FINISH,
    HAND_OVER,
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
from accel_sim.reference.tables import FULL, PRELOAD

__all__ = ["run_output_stationary"]


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
    # Arrays by a local name: taking one out of a record in a loop costs more than the loop.
    fold_rows, fold_cols, first_step, fold_of = t.rows, t.cols, t.first_step, t.fold
    source, pace, own_counts, other_counts = t.source, t.pace, t.own_count, t.other_count
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

    # Sums by line and place; the chain of results by row and column (without a shadow, the sums themselves shift).
    total = np.zeros((lines, places), np.int64)
    shadow = np.zeros((s.rows, s.cols), np.int64)
    result_row = np.full((s.rows, s.cols), NEVER, np.int64)  # output row of a result in the chain
    drain_fold = np.zeros(s.cols, np.int64)  # fold whose results the column drains or will drain next
    draining = np.zeros(s.cols, np.bool_)
    shifts, waited = np.zeros(s.cols, np.int64), np.zeros(s.cols, np.int64)
    handed = np.zeros((folds, s.cols), np.int64)  # rows that have handed over

    # What travels along the lines, by the cycle (modulo the ring) in which it left the edge.
    control = np.zeros((lines, ring), np.uint8)
    step_of, extent = np.zeros((lines, ring), np.int64), np.zeros((lines, ring), np.int64)
    phase = np.zeros((lines, ring, 4), np.int64)
    sent_bits = np.zeros((lines, ring), np.int64)
    raw = np.zeros((lines, ring, own_width), np.int64)
    pieces = np.zeros((lines, ring, own_width + 1), np.int64)  # behind the lanes: the constant of ``bidirectional``
    sent_select = np.full((lines, ring, lanes), -1, np.int64)

    # Controllers of the lines (place 0).
    plus, minus = np.zeros((lines, own_width), np.int64), np.zeros((lines, own_width), np.int64)
    constant = np.zeros(lines, np.int64)
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
                take_results(s, t, taken, total, shadow, result_row, draining, outputs, counters)
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
            while not draining[c] and drain_fold[c] < folds and s.used_edges and c >= fold_cols[drain_fold[c]]:
                drain_fold[c] += 1
            f = drain_fold[c]
            if f == folds or not s.drains:
                continue
            height = fold_rows[f] if s.used_edges else s.rows
            if s.overlap == FULL and not draining[c] and handed[f, c] == height:
                draining[c] = True
                if times[f, 2] == NEVER:
                    times[f, 2] = cycle
            if not draining[c]:
                continue
            waited[c] += 1
            if waited[c] < t.drain_row[f]:
                continue
            waited[c] = 0
            shift_results(s, t, f, c, shifts[c], height, shadow, result_row, outputs, counters)
            shifts[c] += 1
            if shifts[c] == height:
                shifts[c], draining[c] = 0, False
                drain_fold[c] += 1
                times[f, 3] = cycle + 1
                drained = count_drained(s, t, drain_fold, drained, folds)

        # Lines decide, last to first.
        for e in range(lines - 1, -1, -1):
            bits = 0
            if step[e] == NEVER:
                while s.used_edges and next_step[e] < steps and e >= _used_lines(s, t, fold_of[next_step[e]]):
                    f = fold_of[next_step[e]]
                    next_step[e] = first_step[f + 1] if f + 1 < folds else steps
                if next_step[e] < steps:
                    f = fold_of[next_step[e]]
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
            f = fold_of[at]
            if bits & START:
                _fetch(s, path, t, activations, f, source[at], e, now, raw, sent_select, sent_bits, plus, minus)
                if path.bidirectional:
                    constant[e] = encode_minority(raw[e, now], sent_select[e, now] >= 0, plus[e], minus[e])
            else:
                raw[e, now] = raw[e, (cycle - 1) % ring]
            own_count, other_count = own_counts[at, e], other_counts[at, e]
            if own_index[e] < own_count:
                bits |= WORK
                phase[e, now, 0], phase[e, now, 1] = worked[e], other_index[e]
                phase[e, now, 2], phase[e, now, 3] = other_index[e] == other_count - 1, own_index[e]
                present_piece(path, raw, plus, minus, pieces, e, now, own_index[e], own_index[e] == own_count - 1)
                pieces[e, now, own_width] = constant[e]
                constant[e] = 0
                worked[e] += 1
                other_index[e] += 1
                if other_index[e] == other_count:
                    other_index[e] = 0
                    own_index[e] += 1
            elapsed[e] += 1
            if own_index[e] == own_count and elapsed[e] >= pace[at]:
                last_step = at == (first_step[f + 1] if f + 1 < folds else steps) - 1
                hands_over = last_step and s.overlap == FULL
                if (
                    not hands_over
                    or not s.drains
                    or may_hand_over(s, t, e, handed_fold, drain_fold, draining, shifts, waited)
                ):
                    bits |= FINISH
                    if last_step:
                        bits |= LAST
                    if hands_over:
                        bits |= HAND_OVER
                        handed_fold[e] = f
                    for lane in range(own_width):
                        if plus[e, lane] | minus[e, lane]:
                            counters[UNFINISHED] += 1
                    step[e] = NEVER
                    next_step[e] = at + 1
            control[e, now], step_of[e, now], extent[e, now] = bits, at, 0
            if e < _used_lines(s, t, f):
                extent[e, now] = fold_rows[f] if s.transposed else fold_cols[f]

        # PEs, last line first, every place one cycle behind the place before it.
        for e in range(lines - 1, -1, -1):
            _cross_line(
                s, t, activations, control, extent, step_of, sent_select, sent_bits, e, now, held, select,
                fifo, fifo_first, fifo_count, entry, counters,
            )  # fmt: skip
            start_line(path, control, extent, raw, e, now, select, held, terms, lanes_busy, counters)
            multiply_line(
                path, control, extent, phase, raw, pieces, e, now, select, held, terms, lanes_busy, total, counters
            )
            check_line(path, control, extent, e, now, terms, counters)
            _end_steps(
                s, t, control, extent, step_of, e, now, total, shadow, result_row, finished, handed, outputs, counters
            )

        cycle += 1
        for f in range(streamed, folds):
            if times[f, 1] != NEVER:
                continue
            if finished[f] == 0:
                break
            if finished[f] == (fold_rows[f] * fold_cols[f] if s.used_edges else s.rows * s.cols):
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
def _cross_line(
    s, t, activations, control, extent, step_of, sent_select, sent_bits, e, now, held, select,
    fifo, fifo_first, fifo_count, entry, counters,
):  # fmt: skip
    """PEs of line ``e`` whose step begins take the operand that crosses the lines, and pass a copy on."""
    ring, depth = control.shape[1], s.fifo_depth
    lanes, other_width = select.shape[2], held.shape[2]
    slot = now + 1
    for p in range(held.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        used = p < extent[e, slot]
        if not control[e, slot] & START or (s.used_edges and not used):
            continue
        at = step_of[e, slot]
        f = t.fold[at]
        if e == 0:
            _cross_operand(s, t, activations, f, t.source[at], p, lanes, entry)
        else:
            first = fifo_first[e - 1, p]
            for i in range(len(entry)):
                entry[i] = fifo[e - 1, p, first, i]
            fifo_first[e - 1, p] = next_entry(first, depth)
            fifo_count[e - 1, p] -= 1
        used_lines = _used_lines(s, t, f)
        if e < (used_lines if s.used_edges else held.shape[0]) - 1:
            free = entry_at(fifo_first[e, p], fifo_count[e, p], depth)
            for i in range(len(entry)):
                fifo[e, p, free, i] = entry[i]
            fifo_count[e, p] += 1
            if depth > 1 and used and e + 1 < used_lines:
                counters[FIFO_BITS] += entry[0]
        for i in range(other_width):
            held[e, p, i] = entry[1 + i]
        if used:
            for lane in range(lanes):
                select[e, p, lane] = sent_select[e, slot, lane] if s.transposed else entry[1 + other_width + lane]
            counters[OPERAND_BITS] += sent_bits[e, slot] + entry[0]


@njit(cache=True)
def _end_steps(s, t, control, extent, step_of, e, now, total, shadow, result_row, finished, handed, outputs, counters):
    """PEs of line ``e`` whose step ends; after a fold's last step with ``full`` overlap, sums move to the shadow."""
    ring = control.shape[1]
    slot = now + 1
    for p in range(total.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        bits = control[e, slot]
        used = p < extent[e, slot]
        if not bits & FINISH or (s.used_edges and not used):
            continue
        if used:
            counters[PSUM_BITS] += s.acc_bits
        if not bits & LAST:
            continue
        f = t.fold[step_of[e, slot]]
        finished[f] += 1
        if not bits & HAND_OVER:
            continue
        row, col = (p, e) if s.transposed else (e, p)
        handed[f, col] += 1
        if not used:
            continue
        output_row = t.row_ids[t.row_at[f] + row]
        if s.drains:
            shadow[row, col], result_row[row, col] = total[e, p], output_row
            counters[STATIONARY_BITS] += s.acc_bits
        else:
            outputs[output_row, t.col_ids[t.col_at[f] + col]] += total[e, p]
        total[e, p] = 0


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
