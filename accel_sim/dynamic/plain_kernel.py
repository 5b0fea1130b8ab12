"""Kernels: the common case of ws and is, as fast as it goes; the readable version is ``stationary_kernel``.

Nothing is skipped or gated, every row has its own beat, FIFOs are plain registers (D = 1) and folds do not overlap in
waves. So a beat is one look-up, and the folds of all groups, time tiles and K folds are independent of each other.
"""

from __future__ import annotations

import numpy as np

from accel_sim.array.sequence_kernel import advance_streams, new_state, sequence_end
from accel_sim.dynamic.elastic_kernel import WIDTH, add_beats, advance_rows, row_order
from accel_sim.jit import kernel
from accel_sim.timeline.kernel import BACK_TO_BACK, FROM_IDLE, IDEAL

__all__ = ["stream_folds", "time_tiles"]

_STEPS_PER_SUM = 256  # sums of so many steps fit 32 bits


@kernel
def _take_beats(beats, lane, source, origin, k_offset, k0, k1, lanes):
    """One step of one fold: the most pieces among the lanes of each place, row by row."""
    if lanes > 1:
        for row, first in enumerate(range(k0, k1, lanes)):
            most = source[origin + k_offset[first]]
            for k in range(first + 1, min(first + lanes, k1)):
                most = max(most, source[origin + k_offset[k]])
            beats[row, lane] = most
    elif k_offset[k1 - 1] - k_offset[k0] == k1 - 1 - k0:  # offsets ascend, so nothing lies in between
        begin = origin + k_offset[k0]
        run = source[begin : begin + k1 - k0]
        for row in range(k1 - k0):
            beats[row, lane] = run[row]
    else:
        for row in range(k1 - k0):
            beats[row, lane] = source[origin + k_offset[k0 + row]]


@kernel
def _multiplier_cycles(sums, count, first_column, folds, steps, depth, height, lanes):
    """What the sums of ``count`` folds' beats over ``steps`` steps are in multipliers' cycles, unused rows left out."""
    total = np.int64(0)
    places = -(-depth // lanes)
    for i in range(count):
        last = (first_column + i) % folds == folds - 1
        unused = folds * height - places if last else 0
        total += lanes * (np.int64(sums[i]) - unused * steps)
    return total


@kernel
def stream_folds(source, group_offset, step_offset, k_offset, first_steps, length, rows, lanes, stretch):
    """Streaming cycles of the K folds of all groups and time tiles up to the first column's end.

    Args:
        source: pieces of the moving operand, flat: those of ``k`` in step ``t`` of group ``g`` lie at
            ``group_offset[g] + step_offset[t] + k_offset[k]``. A beat lasts as many cycles, and at least one.
        first_steps: first step of each time tile; all have ``length`` steps.
        stretch: ``(paces, 2)`` shortest beat of the first K fold and of later ones.

    Returns:
        ``(paces, groups · time tiles · folds)`` cycles, and the sum of all beats, each times the lanes of its place.

    """
    depth, tiles, paces = k_offset.size, first_steps.size, stretch.shape[0]
    folds = -(-depth // (rows * lanes))
    columns = group_offset.size * tiles * folds
    height = min(rows, -(-depth // lanes))  # rows that no fold uses only pass the wave on
    last_row, missing_lanes = (-(-depth // lanes) - 1) % rows, -depth % lanes
    streams = np.empty((paces, columns), np.int64)
    beats = np.empty((height, WIDTH), np.uint8)
    ends = np.empty((paces, height + 2, WIDTH), np.int32)
    shortest = np.ones((paces, WIDTH), np.int32)
    sums = np.zeros(WIDTH, np.int32)
    origin, first_step = np.zeros(WIDTH, np.int64), np.zeros(WIDTH, np.int64)
    first_k, stop_k = np.zeros(WIDTH, np.int64), np.zeros(WIDTH, np.int64)
    order = row_order(height)
    total = np.int64(0)
    for first_column in range(0, columns, WIDTH):
        count = min(WIDTH, columns - first_column)
        for i in range(count):
            column = first_column + i
            first_k[i] = column % folds * rows * lanes
            stop_k[i] = min(depth, first_k[i] + rows * lanes)
            origin[i] = group_offset[column // folds // tiles]
            first_step[i] = first_steps[column // folds % tiles]
            shortest[:, i] = stretch[:, min(1, column % folds)]
        beats[:] = 1
        ends[:] = -1
        summed = 0
        for t in range(length):
            for i in range(count):
                begin = origin[i] + step_offset[first_step[i] + t]
                _take_beats(beats, i, source, begin, k_offset, first_k[i], stop_k[i], lanes)
                if missing_lanes and stop_k[i] == depth:
                    total -= missing_lanes * max(np.int64(1), np.int64(beats[last_row, i]))
            for pace in range(paces):
                advance_rows(ends[pace], beats, shortest[pace], order)
            add_beats(sums, beats)
            if t + 1 - summed == _STEPS_PER_SUM or t + 1 == length:
                total += _multiplier_cycles(sums, count, first_column, folds, t + 1 - summed, depth, height, lanes)
                sums[:] = 0
                summed = t + 1
        for i in range(count):
            for pace in range(paces):
                streams[pace, first_column + i] = ends[pace, height, i] + 1
    return streams, total


@kernel
def _append(state, overlap, streams, cols, blocks, load):
    """Append the K folds of one tile of one group: all blocks of ``cols`` columns, then a narrower one."""
    full, last_cols = blocks
    loads = np.full(streams.size, load)
    advance_streams(state, False, overlap, streams, cols - 1, loads, 0, full)
    if last_cols:
        advance_streams(state, False, overlap, streams, last_cols - 1, loads, 0, 1)


@kernel
def time_tiles(tiles, places, streams, overlap, cols, blocks, loads):
    """Fill in the cycles of a layer's tiles, which are in order.

    Args:
        places: ``(tiles, 6)`` groups from and to, time tile, K folds from and to, column tile.
        streams: ``(paces, groups, time tiles, K folds)`` cycles of the first column, the last pace without port limits.
        blocks: ``(column tiles, 2)`` blocks whose latency is that of ``cols`` columns, columns of one more block or 0.
        loads: cycles of a fold's load under each pace.

    """
    ideal = streams.shape[0] - 1
    state, ideal_state = new_state(), new_state()
    before, ideal_before = np.int64(0), np.int64(0)
    for i in range(tiles.shape[0]):
        g0, g1, time, k0, k1, column = places[i]
        fresh = new_state()
        for group in range(g0, g1):
            paced = streams[0, group, time, k0:k1]
            _append(state, overlap, paced, cols, blocks[column], loads[0])
            _append(fresh, overlap, paced, cols, blocks[column], loads[0])
            _append(ideal_state, overlap, streams[ideal, group, time, k0:k1], cols, blocks[column], loads[ideal])
        end, ideal_end = sequence_end(state, False, overlap), sequence_end(ideal_state, False, overlap)
        tiles[i, BACK_TO_BACK], tiles[i, IDEAL] = end - before, ideal_end - ideal_before
        tiles[i, FROM_IDLE] = max(sequence_end(fresh, False, overlap), end - before)
        before, ideal_before = end, ideal_end
