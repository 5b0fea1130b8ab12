"""The weight- and input-stationary array where every beat is as long as the next: the same machine, laid out for speed.

With a constant beat no FIFO ever holds more than the sum that passes, so rows march in step: row r does what row 0 did
r cycles before, and the operands may stay where they are while every PE walks an index over them. Each PE still
multiplies in each cycle, and each register moves. Operands are sent into a buffer that runs backwards in time, so those
that the columns of a row see in one cycle are neighbours, and a row is one vector loop.

The buffer's positions are unsigned: a signed index could count from the end, which keeps the compiler from vectorising.
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

    # PE registers, a lane's columns side by side. Row r adds to sums[r] and leaves sums[r + 1].
    shadow = np.zeros((rows * lanes, cols), narrow.dtype)
    resting = shadow if s.overlap == NONE else np.zeros((rows * lanes, cols), narrow.dtype)
    total, sums = np.zeros((rows, cols), wide.dtype), np.zeros((rows + 1, cols), wide.dtype)

    # What left the edge, backwards in time.
    reach = rows + cols
    length = 4 * reach + 2048
    sent = np.zeros((rows * lanes, length), narrow.dtype)
    digit_mask, ends = np.full(length, -1, narrow.dtype), np.zeros(length, wide.dtype)
    step_ended, shifted = np.full(length, NEVER, np.int64), np.full(length, NEVER, np.int64)
    shift_fold = np.full(length, NEVER, np.int64)
    at = length - 1 - reach

    copy_cycle = np.full(folds, NEVER, np.int64)  # in which row 0 copies the fold's tile
    oldest_copy, copies = 0, 0  # waves of copying on their way through the array
    loading, shifts, fetched, loaded, in_chain, last_shift = 0, 0, 0, 0, 0, -reach
    opened, streamed, issuing = 0, 0, 0
    step, own_index, other_index, elapsed, first = 0, 0, 0, 0, 0
    worked = False
    cycle = 0
    while streamed < folds:
        if at == 0:
            _rewind(sent, digit_mask, ends, step_ended, shifted, shift_fold, reach)
            at = length - reach
        at -= 1

        # The controller at the first row opens folds and sends a step's pieces.
        if opened < loaded and (s.overlap == FULL or streamed == opened):
            opened += 1
        ends[at], step_ended[at], digit_mask[at] = 0, NEVER, -1
        if issuing < opened:
            f = issuing
            if step == first_step[f] and elapsed == 0:
                copy_cycle[f] = times[f, 2] = cycle
                copies += 1
                if s.used_edges:
                    # Other rows take part from now on; what still runs through unused columns is dropped.
                    first = rows - fold_rows[f]
                    sums[:], total[:] = 0, 0
                    sent[:, at : at + reach], ends[at : at + reach], step_ended[at : at + reach] = 0, 0, NEVER
            worked = own_index < own_count
            _send(path, t, moving, f, source[step], first, own_index, own_count, sent, at, worked)
            if elapsed == 0:
                _count_step(s, path, t, moving, f, source[step], own_count * other_count, rows - first, counters)
            if worked:
                if path.other_style == DIGITS:
                    digit_mask[at] = piece(
                        -1, DIGITS, other_index, path.other_digit_bits, other_index == other_count - 1
                    )
                other_index += 1
                if other_index == other_count:
                    other_index = 0
                    own_index += 1
            elapsed += 1
            if own_index == own_count and elapsed >= pace[f]:
                ends[at], step_ended[at] = 1, step
                own_index = elapsed = 0
                step += 1
                if step == (first_step[f + 1] if f + 1 < folds else steps):
                    issuing += 1
        else:
            _send(path, t, moving, NEVER, 0, first, 0, 1, sent, at, False)

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
            _copy_wave(rows, first, lanes, cols, cycle - copy_cycle[wave], shadow, resting)
            if cycle - copy_cycle[wave] == reach:
                oldest_copy += 1
        if steady:
            _work_whole(rows, first, lanes, at, sent, resting, sums)
        else:
            _work_pieces(rows, first, lanes, at, sent, digit_mask, ends, resting, total, sums)

        # Sums leave below the last row.
        below = at + rows - 1 - first
        for c in range(cols):
            done = step_ended[below + c]
            if done == NEVER:
                continue
            f = t.fold[done]
            if c < fold_cols[f]:
                outputs[source[done], col_ids[col_at[f] + c]] += sums[rows, c]
            last_step = (first_step[f + 1] if f + 1 < folds else steps) - 1
            if done == last_step and c == (fold_cols[f] if s.used_edges else cols) - 1:
                times[f, 3] = cycle + 1
                streamed += 1
        if cycle - last_shift < cols:
            _shift_tiles(s, t, rows, lanes, cols, at, shifted, shift_fold, shadow)
        cycle += 1
    end = np.int64(0)
    for f in range(folds):
        end = max(end, times[f, 3])
    return end, counters, times


@njit(cache=True)
def _rewind(sent, digit_mask, ends, step_ended, shifted, shift_fold, reach):
    """The buffers are full: what the array may still look at moves to their far end."""
    keep = len(ends) - reach
    for line in range(sent.shape[0]):
        sent[line, keep:] = sent[line, :reach]
    digit_mask[keep:], ends[keep:] = digit_mask[:reach], ends[:reach]
    step_ended[keep:], shifted[keep:], shift_fold[keep:] = step_ended[:reach], shifted[:reach], shift_fold[:reach]


@njit(cache=True)
def _send(path, t, moving, f, source, first, index, count, sent, at, works):
    """The edges put this cycle's piece of every row's operands on their way; zeros where there is none."""
    lanes, edge = path.lanes, t.edge
    for line in range(sent.shape[0]):
        sent[line, at] = 0
    if not works:
        return
    tile_at = t.tile_at[f]
    for place in range(t.rows[f]):
        for lane in range(min(lanes, edge.shape[1])):
            k = edge[tile_at + place, lane]
            if k >= 0:
                value = piece(moving[source, k], path.own_style, index, path.own_digit_bits, index == count - 1)
                sent[(first + place) * lanes + lane, at] = value


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
def _copy_wave(rows, first, lanes, cols, age, shadow, resting):
    """The PEs that the first wave of a fold reaches take their tile over: one in each row."""
    for r in range(first, rows):
        c = age - (r - first)
        if 0 <= c < cols:
            for lane in range(lanes):
                resting[r * lanes + lane, c] = shadow[r * lanes + lane, c]


@njit(cache=True)
def _work_whole(rows, first, lanes, at, sent, resting, sums):
    """A cycle in which every PE multiplies whole operands and adds the sum from above."""
    cols = np.uint64(resting.shape[1])
    for r in range(rows - 1, first - 1, -1):
        seen = np.uint64(at + r - first)
        for column in range(cols):
            c = np.uint64(column)
            sums[r + 1, c] = sums[r, c] + sent[r * lanes, seen + c] * resting[r * lanes, c]
        for lane in range(1, lanes):
            line = r * lanes + lane
            for column in range(cols):
                c = np.uint64(column)
                sums[r + 1, c] += sent[line, seen + c] * resting[line, c]


@njit(cache=True)
def _work_pieces(rows, first, lanes, at, sent, digit_mask, ends, resting, total, sums):
    """A cycle in which every PE multiplies a piece; where its step ends it adds the sum from above and starts anew."""
    cols = np.uint64(resting.shape[1])
    for r in range(rows - 1, first - 1, -1):
        seen = np.uint64(at + r - first)
        for lane in range(lanes):
            line = r * lanes + lane
            for column in range(cols):
                c = np.uint64(column)
                total[r, c] += sent[line, seen + c] * (resting[line, c] & digit_mask[seen + c])
        for column in range(cols):
            c = np.uint64(column)
            end = ends[seen + c]
            sums[r + 1, c] += end * (sums[r, c] + total[r, c] - sums[r + 1, c])
            total[r, c] -= end * total[r, c]


@njit(cache=True)
def _shift_tiles(s, t, rows, lanes, cols, at, shifted, shift_fold, shadow):
    """Stationary tiles move down one row in the columns that a shift of the load chain has reached."""
    for c in range(cols):
        shift = shifted[at + c]
        if shift == NEVER:
            continue
        f = shift_fold[at + c]
        for line in range((shift + 1) * lanes - 1, lanes - 1, -1):
            shadow[line, c] = shadow[line - lanes, c]
        place = t.rows[f] - 1 - shift if s.used_edges else rows - 1 - shift
        inside = 0 <= place < t.rows[f] and c < t.cols[f]
        for lane in range(lanes):
            shadow[lane, c] = t.value[t.pe_at[t.tile_at[f] + place] + c * lanes + lane] if inside else 0
