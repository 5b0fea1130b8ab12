"""The weight- and input-stationary array where every beat is as long as the next: the same machine, laid out for speed.

With a constant beat no FIFO ever holds more than the sum that passes, so rows march in step: row r does in a cycle what
row 0 did r cycles before. Every PE has its registers here, and in every cycle every PE multiplies.

Order of evaluation
-------------------
Nothing in the array flows to the left, and no PE tells the controller anything. So the controller runs ahead by a batch
of cycles, and what it sends lies in a table by cycle: the registers through which operands and control move along a row
are that table, where the PE of column c finds what left the edge c cycles ago. Columns are thus taken in their own
time: cycle i of column c is cycle i + c of the array, and all columns do in their cycle i what column 0 does in its.
That makes a row's PEs the lanes of a vector, and blocks of columns independent: a block runs all cycles of a batch
while its registers lie in the nearest cache, and threads take columns of their own, each with the controller's work
repeated. Sums, tiles and their shadows move from row to row cycle by cycle.

What bounds it: per eight PEs and cycle, a load of weights, a load and a store of sums and a multiply-add of one vector.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel
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

BATCH = 256
"""Cycles that the controller runs ahead of the PEs."""


@kernel
def run_rigid(s, path, t, moving, outputs, narrow, wide, width, first_block, last_block):
    """Run all folds as :func:`~accel_sim.reference.stationary_kernel.run_stationary` does; same results.

    Args:
        s, path, t, moving, outputs: as there; only the outputs of the blocks' columns are written.
        narrow, wide: empty arrays whose types hold operands and their digits, and partial sums.
        width: columns of a block, see :func:`~accel_sim.reference.engine.run_folds`.
        first_block, last_block: blocks whose PEs run here. Cycles and counts are the array's.
    """
    fold_rows, fold_cols, first_step, pace, source = t.rows, t.cols, t.first_step, t.pace, t.source
    load_row = t.load_row
    rows, cols, lanes, folds, steps = s.rows, s.cols, path.lanes, len(t.rows), len(t.fold)
    own_count, other_count = t.own_count[0, 0], t.other_count[0, 0]
    steady = own_count * other_count == 1 and pace.max() == 1
    counters = np.zeros(COUNTERS, np.int64)
    times = np.full((folds, 4), NEVER, np.int64)

    # PE registers: block, (shadow: fold modulo 2,) lane, row, column. Tiles and sums stay in the entries in which they
    # will rest or leave; the row at which an entry stands changes cycle by cycle, a tile's down to its place, a sum's
    # all the way down.
    blocks = last_block - first_block
    resting = np.zeros((blocks, lanes, rows, width), narrow.dtype)
    shadow = np.zeros((blocks, 2, lanes, rows, width), narrow.dtype)
    if s.overlap == NONE:
        shadow = resting.reshape(blocks, 1, lanes, rows, width)  # the chain runs through the stationary registers
    sums, total = np.zeros((blocks, rows, width), wide.dtype), np.zeros((blocks, rows, width), wide.dtype)

    # What left the controller, by cycle: those before the batch are still on their way down the rows.
    ahead = rows + BATCH
    sent = np.zeros((rows * lanes, ahead + 32), narrow.dtype)  # the odd length spreads rows over the cache's sets
    sent_mask = np.full(ahead, -1, narrow.dtype)
    sent_end = np.full(ahead, NEVER, np.int64)  # the step that ends
    shifted, shift_fold = np.full(BATCH, NEVER, np.int64), np.full(BATCH, NEVER, np.int64)
    signal = np.full(rows + cols, NEVER, np.int64)  # ends of steps, on their way to the last PE

    copy_cycle = np.full(folds, NEVER, np.int64)  # in which row 0 copies the fold's tile
    oldest_copy, copies = 0, 0  # waves of copying on their way through the array
    loading, shifts, fetched, loaded, in_chain = 0, 0, 0, 0, 0
    opened, streamed, issuing = 0, 0, 0
    step, own_index, other_index, elapsed, first = 0, 0, 0, 0, 0
    batch_start, cycle = 0, 0
    while streamed < folds:
        # The controller at the first row opens folds and sends a step's pieces.
        if opened < loaded and (s.overlap == FULL or streamed == opened):
            opened += 1
        starts = issuing < opened and step == first_step[issuing] and elapsed == 0
        if cycle - batch_start == BATCH or (starts and s.used_edges and cycle > batch_start):
            for block in range(blocks):
                _run_batch(
                    t, first, s.used_edges, batch_start, cycle, oldest_copy, copies, copy_cycle, steady, sent,
                    sent_mask, sent_end, shifted, shift_fold, (first_block + block) * width, shadow[block],
                    resting[block], sums[block], total[block], outputs,
                )  # fmt: skip
            ran = cycle - batch_start
            sent[:, :rows] = sent[:, ran : ran + rows].copy()
            sent_mask[:rows], sent_end[:rows] = sent_mask[ran : ran + rows].copy(), sent_end[ran : ran + rows].copy()
            sent[:, rows:] = 0
            batch_start = cycle
            while oldest_copy < copies and cycle - copy_cycle[oldest_copy] >= rows:
                oldest_copy += 1
        slot, at = rows + cycle - batch_start, cycle % len(signal)
        sent_end[slot], sent_mask[slot], signal[at] = NEVER, -1, NEVER
        if issuing < opened:
            f = issuing
            if starts:
                copy_cycle[f] = times[f, 2] = cycle
                copies += 1
                if s.used_edges:
                    # Other rows take part from now on; all that is left of the fold before is past the last row.
                    first, oldest_copy = rows - fold_rows[f], copies - 1
                    sent[:, :rows], sent_mask[:rows], sent_end[:rows], signal[:] = 0, -1, NEVER, NEVER
                    sums[:], total[:] = 0, 0
            worked = own_index < own_count
            if worked:
                _send(path, t, moving, f, source[step], first, own_index, own_count, slot, sent)
            if elapsed == 0 and first_block == 0:
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
            if own_index == own_count and elapsed >= pace[step]:
                sent_end[slot] = signal[at] = step
                own_index = elapsed = 0
                step += 1
                if step == (first_step[f + 1] if f + 1 < folds else steps):
                    issuing += 1

        # The load chain.
        shifted[cycle - batch_start] = NEVER
        if loading < folds:
            may_begin = loading == 0 or (streamed >= loading if s.overlap == NONE else opened >= loading)
            free = may_begin
            if may_begin and loading > 0 and s.overlap == FULL:
                free = copy_cycle[loading - 1] != NEVER and copy_cycle[loading - 1] + shifts <= cycle
            if may_begin and (shifts > 0 or free):
                fetched = min(fetched + 1, load_row[loading])
            if free and fetched == load_row[loading]:
                shifted[cycle - batch_start], shift_fold[cycle - batch_start], fetched = shifts, loading, 0
                place = fold_rows[loading] - 1 - shifts if s.used_edges else rows - 1 - shifts
                if 0 <= place < fold_rows[loading]:
                    in_chain += _lanes_in_place(t, loading, place, lanes)
                counters[STATIONARY_BITS] += in_chain * fold_cols[loading] * s.other_bits
                shifts += 1
                if shifts == rows:
                    times[loading, 0], times[loading, 1] = cycle + 1 - rows * load_row[loading], cycle + 1
                    if s.overlap != NONE:
                        counters[STATIONARY_BITS] += in_chain * fold_cols[loading] * s.other_bits
                    loading += 1
                    loaded += 1
                    shifts = in_chain = 0

        # A fold has streamed when its last step's end gets to the last PE.
        last_col = (fold_cols[streamed] if s.used_edges else cols) - 1
        away = rows - 1 - first + last_col
        done = signal[(cycle - away) % len(signal)] if away <= cycle else NEVER
        if done != NEVER and done == (first_step[streamed + 1] if streamed + 1 < folds else steps) - 1:
            times[streamed, 3] = cycle + 1
            streamed += 1
        cycle += 1
    for block in range(blocks):
        _run_batch(
            t, first, s.used_edges, batch_start, cycle, oldest_copy, copies, copy_cycle, steady, sent, sent_mask,
            sent_end, shifted, shift_fold, (first_block + block) * width, shadow[block], resting[block], sums[block],
            total[block], outputs,
        )  # fmt: skip
    return times[:, 3].max(), counters, times


@kernel
def _send(path, t, moving, f, source, first, index, count, slot, sent):
    """The edges put this cycle's piece of every row's operands on their way."""
    lanes, edge, tile_at, row = path.lanes, t.edge, t.tile_at[f], moving[source]
    shift, keep = 0, -1
    if path.own_style == DIGITS:
        shift = index * path.own_digit_bits
        if index < count - 1:
            keep = (1 << path.own_digit_bits) - 1
    for place in range(t.rows[f]):
        for lane in range(min(lanes, edge.shape[1])):
            k = edge[tile_at + place, lane]
            if k >= 0:
                sent[(first + place) * lanes + lane, slot] = ((row[np.uint64(k)] >> shift) & keep) << shift


@kernel
def _lanes_in_place(t, f, place, lanes):
    count = 0
    for lane in range(lanes):
        count += t.select[t.pe_at[t.tile_at[f] + place] + lane] >= 0
    return count


@kernel
def _count_step(s, path, t, moving, f, source, beat, height, counters):
    """A step's actions: each of its operands will visit every used column once."""
    columns, edge, tile_at, operands = t.cols[f], t.edge, t.tile_at[f], t.operands[f]
    counters[PSUM_BITS] += height * columns * s.acc_bits
    if s.fifo_depth > 1:
        counters[FIFO_BITS] += (height - 1) * columns * s.acc_bits
    gated = 0
    if path.gate_own or path.gate_other:
        for place in range(t.rows[f]):
            for lane in range(min(path.lanes, edge.shape[1])):
                k = edge[tile_at + place, lane]
                if path.gate_own and k >= 0 and moving[source, k] == 0:
                    gated += columns
                elif path.gate_other and k >= 0:
                    gated += t.zeros[tile_at + place, lane]
    counters[OPERAND_BITS] += operands * columns * s.own_bits
    counters[GATED] += gated
    counters[EFFECTUAL] += operands * columns - gated
    counters[ADDITIONS] += operands * columns
    counters[GATED_CYCLES] += gated * beat
    counters[MULTIPLIER_CYCLES] += (operands * columns - gated) * beat


@kernel
def _run_batch(
    t, first, used_edges, start, stop, oldest_copy, copies, copy_cycle, steady, sent, sent_mask, sent_end, shifted,
    shift_fold, first_col, shadow, resting, sums, total, outputs,
):  # fmt: skip
    """The PEs of a block, whose first column is ``first_col``, in the cycles ``start`` to ``stop - 1``."""
    lanes, rows = resting.shape[:2]
    for i in range(stop - start):
        now = rows + i
        for wave in range(oldest_copy, copies):
            row = first + start + i - copy_cycle[wave]
            if first <= row < rows:
                resting[:, row] = shadow[wave % len(shadow), :, row]
        bottom = (rows - 1 - start - i) % rows
        if steady:
            for lane in range(lanes):
                _multiply_add(rows, first, now, bottom, lane, lanes, sent, resting[lane], sums)
        else:
            for lane in range(lanes):
                _multiply_pieces(rows, first, now, lane, lanes, sent, sent_mask, resting[lane], total)
            _end_steps(rows, first, now, bottom, sent_end, total, sums)
        done = sent_end[i + 1 + first]
        if done != NEVER:
            _leave(t, done, first_col, sums[bottom], outputs)
        sums[bottom] = 0
        if shifted[i] != NEVER:
            f = shift_fold[i]
            _take_tile(t, f, rows - 1 - shifted[i], used_edges, first_col, shadow[f % len(shadow)])


@kernel
def _multiply_add(rows, first, now, bottom, lane, lanes, sent, resting, sums):
    """A lane of every PE multiplies whole operands and adds to the sum that is in its row."""
    at, entry = now + first - (rows - 1), bottom
    for r in range(rows - 1, first - 1, -1):
        operand, weights, row_sums = sums.dtype.type(sent[r * lanes + lane, at]), resting[r], sums[entry]
        for c in range(sums.shape[1]):
            row_sums[c] += operand * weights[c]
        at += 1
        entry = entry - 1 if entry > 0 else rows - 1


@kernel
def _multiply_pieces(rows, first, now, lane, lanes, sent, sent_mask, resting, total):
    """A lane of every PE multiplies the piece that passes by the digits of its operand that the mask names."""
    at = now
    for r in range(first, rows):
        operand, mask = total.dtype.type(sent[r * lanes + lane, at]), sent_mask[at]
        weights, row_total = resting[r], total[r]
        for c in range(total.shape[1]):
            row_total[c] += operand * (weights[c] & mask)
        at -= 1


@kernel
def _end_steps(rows, first, now, bottom, sent_end, total, sums):
    """Where a step ends, the PE adds its own sum to the one that is in its row, and starts anew."""
    at, entry = now + first - (rows - 1), bottom
    for r in range(rows - 1, first - 1, -1):
        if sent_end[at] != NEVER:
            row_sums, row_total = sums[entry], total[r]
            for c in range(sums.shape[1]):
                row_sums[c] += row_total[c]
                row_total[c] = 0
        at += 1
        entry = entry - 1 if entry > 0 else rows - 1


@kernel
def _leave(t, done, first_col, left, outputs):
    """Sums leave below the last row."""
    f = t.fold[done]
    row, col_at = t.source[done], t.col_at[f] + first_col
    for c in range(min(len(left), t.cols[f] - first_col)):
        outputs[row, t.col_ids[col_at + c]] += left[c]


@kernel
def _take_tile(t, f, row, used_edges, first_col, shadow):
    """The load chain takes the row of a tile that will rest in ``row`` from the edge."""
    lanes, rows = shadow.shape[:2]
    shadow[:, row] = 0
    place = row - (rows - t.rows[f] if used_edges else 0)
    if not 0 <= place < t.rows[f]:
        return
    at = t.pe_at[t.tile_at[f] + place] + first_col * lanes
    for c in range(min(shadow.shape[2], t.cols[f] - first_col)):
        for lane in range(lanes):
            shadow[lane, row, c] = t.value[at + c * lanes + lane]
