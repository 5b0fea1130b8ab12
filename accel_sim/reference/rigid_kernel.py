"""The weight- and input-stationary array where every beat is as long as the next: the same machine, laid out for speed.

With a constant beat no FIFO ever holds more than the sum that passes, so rows march in step: row r does what row 0 did
r cycles before. Every register of the array lies in a plane, one element per PE. In each cycle each plane moves:
operands and their control bits one column to the right, sums one row down (a row's length further in the plane), tiles
likewise; and every PE multiplies. A plane's move is one loop from one array to another, which the compiler turns into
vectors.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from accel_sim.reference.digits_kernel import piece
from accel_sim.reference.pe_kernel import (
    ADDITIONS,
    COUNTERS,
    EFFECTUAL,
    FIFO_BITS,
    GATED,
    GATED_CYCLES,
    MULTIPLIER_CYCLES,
    OPERAND_BITS,
    PSUM_BITS,
    STATIONARY_BITS,
)
from accel_sim.reference.spec import DIGITS
from accel_sim.reference.tables import FULL, NONE

__all__ = ["run_rigid"]

NEVER = -1


@njit(cache=True)
def run_rigid(s, path, t, moving, outputs, narrow, wide):
    """Run all folds as :func:`~accel_sim.reference.stationary_kernel.run_stationary` does; same arguments and results.

    Args:
        narrow, wide: empty arrays whose types hold operands and their digits, and partial sums.
    """
    fold_rows, fold_cols, first_step, pace, source = t.rows, t.cols, t.first_step, t.pace, t.source
    col_at, col_ids = t.col_at, t.col_ids
    rows, cols, lanes, folds, steps = s.rows, s.cols, path.lanes, len(t.rows), len(t.fold)
    own_count, other_count = t.own_count[0, 0], t.other_count[0, 0]
    steady = own_count * other_count == 1 and pace.max() == 1
    counters = np.zeros(COUNTERS, np.int64)
    times = np.full((folds, 4), NEVER, np.int64)

    # PE registers as planes, row after row. A PE of row r adds to sums of row r and leaves those of row r + 1.
    plane, reach = rows * cols, rows + cols
    shadow = np.zeros((lanes, plane), narrow.dtype)
    resting = shadow if s.overlap == NONE else np.zeros((lanes, plane), narrow.dtype)
    operands, next_operands = np.zeros((lanes, plane), narrow.dtype), np.zeros((lanes, plane), narrow.dtype)
    masks, next_masks = np.full(plane, -1, narrow.dtype), np.full(plane, -1, narrow.dtype)
    ends, next_ends = np.zeros(plane, wide.dtype), np.zeros(plane, wide.dtype)
    total, sums, next_sums = (
        np.zeros(plane, wide.dtype),
        np.zeros(plane + cols, wide.dtype),
        np.zeros(plane + cols, wide.dtype),
    )

    # What left the controller, by cycle modulo the length: row r takes it r cycles later.
    sent = np.zeros((rows * lanes, rows), narrow.dtype)
    sent_mask, sent_end = np.full(rows, -1, narrow.dtype), np.zeros(rows, wide.dtype)
    step_ended, shifted = np.full(reach, NEVER, np.int64), np.full(reach, NEVER, np.int64)
    shift_fold = np.full(reach, NEVER, np.int64)

    copy_cycle = np.full(folds, NEVER, np.int64)  # in which row 0 copies the fold's tile
    oldest_copy, copies = 0, 0  # waves of copying on their way through the array
    loading, shifts, fetched, loaded, in_chain, last_shift = 0, 0, 0, 0, 0, -reach
    opened, streamed, issuing = 0, 0, 0
    step, own_index, other_index, elapsed, first = 0, 0, 0, 0, 0
    worked = False
    cycle = 0
    while streamed < folds:
        slot, at = cycle % rows, cycle % reach

        # The controller at the first row opens folds and sends a step's pieces.
        if opened < loaded and (s.overlap == FULL or streamed == opened):
            opened += 1
        sent_end[slot], sent_mask[slot], step_ended[at] = 0, -1, NEVER
        if issuing < opened:
            f = issuing
            if step == first_step[f] and elapsed == 0:
                copy_cycle[f] = times[f, 2] = cycle
                copies += 1
                if s.used_edges:
                    # Other rows take part from now on; what still runs through unused columns is dropped.
                    first = rows - fold_rows[f]
                    sums[:], next_sums[:], total[:] = 0, 0, 0
                    operands[:], sent[:], ends[:], sent_end[:], step_ended[:] = 0, 0, 0, 0, NEVER
            worked = own_index < own_count
            _send(path, t, moving, f, source[step], first, own_index, own_count, sent, slot, worked)
            if elapsed == 0:
                _count_step(s, path, t, moving, f, source[step], own_count * other_count, rows - first, counters)
            if worked:
                if path.other_style == DIGITS:
                    sent_mask[slot] = piece(
                        -1, DIGITS, other_index, path.other_digit_bits, other_index == other_count - 1
                    )
                other_index += 1
                if other_index == other_count:
                    other_index = 0
                    own_index += 1
            elapsed += 1
            if own_index == own_count and elapsed >= pace[f]:
                sent_end[slot], step_ended[at] = 1, step
                own_index = elapsed = 0
                step += 1
                if step == (first_step[f + 1] if f + 1 < folds else steps):
                    issuing += 1
        else:
            _send(path, t, moving, NEVER, 0, first, 0, 1, sent, slot, False)

        # The load chain.
        shifted[at] = NEVER
        if loading < folds:
            may_begin = loading == 0 or (streamed >= loading if s.overlap == NONE else opened >= loading)
            free = may_begin
            if may_begin and loading > 0 and s.overlap == FULL:
                free = copy_cycle[loading - 1] != NEVER and copy_cycle[loading - 1] + shifts <= cycle
            if may_begin and (shifts > 0 or free):
                fetched = min(fetched + 1, s.load_row_cycles)
            if free and fetched == s.load_row_cycles:
                shifted[at], shift_fold[at], last_shift, fetched = shifts, loading, cycle, 0
                place = fold_rows[loading] - 1 - shifts if s.used_edges else rows - 1 - shifts
                if 0 <= place < fold_rows[loading]:
                    in_chain += _lanes_in_place(t, loading, place, lanes)
                counters[STATIONARY_BITS] += in_chain * fold_cols[loading] * s.other_bits
                shifts += 1
                if shifts == rows:
                    times[loading, 0], times[loading, 1] = cycle + 1 - rows * s.load_row_cycles, cycle + 1
                    if s.overlap != NONE:
                        counters[STATIONARY_BITS] += in_chain * fold_cols[loading] * s.other_bits
                    loading += 1
                    loaded += 1
                    shifts = in_chain = 0

        # PEs copy, multiply and pass their sums on, bottom up.
        for wave in range(oldest_copy, copies):
            _copy_wave(rows, first, cols, cycle - copy_cycle[wave], shadow, resting)
            if cycle - copy_cycle[wave] == reach:
                oldest_copy += 1
        begin, stop = first * cols, plane
        for lane in range(lanes):
            _move_right(begin, stop, operands[lane], next_operands[lane])
        _enter(rows, first, cols, slot, sent, next_operands)
        operands, next_operands = next_operands, operands
        if steady:
            _multiply_add(begin, stop, cols, sums, operands[0], resting[0], next_sums)
            for lane in range(1, lanes):
                _add_lane(begin, stop, cols, operands[lane], resting[lane], next_sums)
        else:
            _move_right(begin, stop, masks, next_masks)
            _move_right(begin, stop, ends, next_ends)
            _enter_control(rows, first, cols, slot, sent_mask, sent_end, next_masks, next_ends)
            masks, next_masks = next_masks, masks
            ends, next_ends = next_ends, ends
            for lane in range(lanes):
                _multiply_pieces(begin, stop, operands[lane], resting[lane], masks, total)
            _end_steps(begin, stop, cols, ends, total, sums, next_sums)
        sums, next_sums = next_sums, sums

        # Sums leave below the last row.
        left = (at + first + 1 - rows) % reach + 1
        for c in range(cols):
            left = left - 1 if left > 0 else reach - 1
            done = step_ended[left]
            if done == NEVER:
                continue
            f = t.fold[done]
            if c < fold_cols[f]:
                outputs[source[done], col_ids[col_at[f] + c]] += sums[plane + c]
            last_step = (first_step[f + 1] if f + 1 < folds else steps) - 1
            if done == last_step and c == (fold_cols[f] if s.used_edges else cols) - 1:
                times[f, 3] = cycle + 1
                streamed += 1
        if cycle - last_shift < cols:
            _shift_tiles(s, t, rows, cols, at, shifted, shift_fold, shadow)
        cycle += 1
    end = np.int64(0)
    for f in range(folds):
        end = max(end, times[f, 3])
    return end, counters, times


@njit(cache=True)
def _send(path, t, moving, f, source, first, index, count, sent, slot, works):
    """The edges put this cycle's piece of every row's operands on their way; zeros where there is none."""
    lanes, edge = path.lanes, t.edge
    for line in range(sent.shape[0]):
        sent[line, slot] = 0
    if not works:
        return
    tile_at = t.tile_at[f]
    for place in range(t.rows[f]):
        for lane in range(min(lanes, edge.shape[1])):
            k = edge[tile_at + place, lane]
            if k >= 0:
                value = piece(moving[source, k], path.own_style, index, path.own_digit_bits, index == count - 1)
                sent[(first + place) * lanes + lane, slot] = value


@njit(cache=True)
def _lanes_in_place(t, f, place, lanes):
    count = 0
    for lane in range(lanes):
        count += t.select[t.pe_at[t.tile_at[f] + place] + lane] >= 0
    return count


@njit(cache=True)
def _count_step(s, path, t, moving, f, source, beat, height, counters):
    """A step's actions: each of its operands will visit every used column once."""
    columns, lanes, edge, value = t.cols[f], path.lanes, t.edge, t.value
    tile_at = t.tile_at[f]
    counters[PSUM_BITS] += height * columns * s.acc_bits
    if s.fifo_depth > 1:
        counters[FIFO_BITS] += (height - 1) * columns * s.acc_bits
    for place in range(t.rows[f]):
        for lane in range(min(lanes, edge.shape[1])):
            k = edge[tile_at + place, lane]
            if k < 0:
                continue
            gated = 0
            if path.gate_own and moving[source, k] == 0:
                gated = columns
            elif path.gate_other:
                start = t.pe_at[tile_at + place] + lane
                for c in range(columns):
                    gated += value[start + c * lanes] == 0
            counters[OPERAND_BITS] += columns * s.own_bits
            counters[GATED] += gated
            counters[EFFECTUAL] += columns - gated
            counters[ADDITIONS] += columns
            counters[GATED_CYCLES] += gated * beat
            counters[MULTIPLIER_CYCLES] += (columns - gated) * beat


@njit(cache=True)
def _copy_wave(rows, first, cols, age, shadow, resting):
    """The PEs that the first wave of a fold reaches take their tile over: one in each row."""
    for r in range(first, rows):
        c = age - (r - first)
        if 0 <= c < cols:
            for lane in range(resting.shape[0]):
                resting[lane, r * cols + c] = shadow[lane, r * cols + c]


@njit(cache=True)
def _move_right(begin, stop, now, after):
    """A plane moves one PE to the right; what leaves a row is overwritten by what enters the next."""
    for i in range(np.uint64(begin), np.uint64(stop - 1)):
        after[i + np.uint64(1)] = now[i]


@njit(cache=True)
def _enter(rows, first, cols, slot, sent, operands):
    """Column 0 takes what was sent to row r when it left the controller."""
    lanes = operands.shape[0]
    for r in range(first, rows):
        for lane in range(lanes):
            operands[lane, r * cols] = sent[r * lanes + lane, slot]
        slot = slot - 1 if slot > 0 else rows - 1


@njit(cache=True)
def _enter_control(rows, first, cols, slot, sent_mask, sent_end, masks, ends):
    for r in range(first, rows):
        masks[r * cols], ends[r * cols] = sent_mask[slot], sent_end[slot]
        slot = slot - 1 if slot > 0 else rows - 1


@njit(cache=True)
def _multiply_add(begin, stop, cols, sums, operands, resting, after):
    """Every PE multiplies whole operands, adds the sum from above and passes it on."""
    row = np.uint64(cols)
    for i in range(np.uint64(begin), np.uint64(stop)):
        after[i + row] = sums[i] + operands[i] * resting[i]


@njit(cache=True)
def _add_lane(begin, stop, cols, operands, resting, after):
    """A further lane of every PE adds its product."""
    row = np.uint64(cols)
    for i in range(np.uint64(begin), np.uint64(stop)):
        after[i + row] += operands[i] * resting[i]


@njit(cache=True)
def _multiply_pieces(begin, stop, operands, resting, masks, total):
    """A lane of every PE multiplies the piece that passes by the digits of its operand that the mask names."""
    for i in range(np.uint64(begin), np.uint64(stop)):
        total[i] += operands[i] * (resting[i] & masks[i])


@njit(cache=True)
def _end_steps(begin, stop, cols, ends, total, sums, after):
    """Where a step ends, the sum from above and the PE's own pass on, and the PE starts anew; else registers hold."""
    row = np.uint64(cols)
    for i in range(np.uint64(begin), np.uint64(stop)):
        after[i + row] = sums[i] + total[i] if ends[i] else sums[i + row]
    for i in range(np.uint64(begin), np.uint64(stop)):
        total[i] = 0 if ends[i] else total[i]


@njit(cache=True)
def _shift_tiles(s, t, rows, cols, at, shifted, shift_fold, shadow):
    """Stationary tiles move down one row in the columns that a shift of the load chain has reached."""
    lanes = shadow.shape[0]
    for c in range(cols):
        when = (at - c) % len(shifted)
        shift = shifted[when]
        if shift == NEVER:
            continue
        f = shift_fold[when]
        for lane in range(lanes):
            for r in range(shift, 0, -1):
                shadow[lane, r * cols + c] = shadow[lane, (r - 1) * cols + c]
        place = t.rows[f] - 1 - shift if s.used_edges else rows - 1 - shift
        inside = 0 <= place < t.rows[f] and c < t.cols[f]
        for lane in range(lanes):
            shadow[lane, c] = t.value[t.pe_at[t.tile_at[f] + place] + c * lanes + lane] if inside else 0
