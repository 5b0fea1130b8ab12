"""Kernel: a layer's tiles in order, each with its transfers and its time on the array.

========= ============== =========== ============ ==================
dataflow  row index      col index   time step    stationary
========= ============== =========== ============ ==================
``ws``    k (by lanes)   n           m            weights
``is``    k (by lanes)   m           n            activations
``os``    m              n           k (by lanes) partial sums
========= ============== =========== ============ ==================

A *fold* is one filling of the array. Folds run column fold by column fold, the K folds of one column fold (ws, is)
innermost, so that its partial sums are finished before the next begins. Everything a tile needs is computed here
once, for the mapper (which tries many tilings) and for the simulation (which runs one).
"""

from __future__ import annotations

import numpy as np

from accel_sim.array.output_chain_kernel import append_equal_folds, chain_end, new_chain
from accel_sim.array.sequence_kernel import FULL, advance, new_state, sequence_end
from accel_sim.array.stationary_chain_kernel import append_fold, new_stationary_chain, stationary_chain_end
from accel_sim.jit import kernel
from accel_sim.memory.footprint_kernel import input_elements
from accel_sim.timeline.kernel import (
    A_BYTES,
    A_DEP,
    BACK_TO_BACK,
    COLUMNS,
    FROM_IDLE,
    IDEAL,
    OUT_BYTES,
    P_BYTES,
    P_DEP,
    VECTOR,
    W_BYTES,
    W_DEP,
)

__all__ = ["add_tile", "build_tiles", "ceil_div", "count_folds", "folds_of_tile"]

WS, IS, OS = 0, 1, 2

# Entries of the layer vector.
L_GROUPS, L_M, L_N, L_K, L_A_BITS, L_W_BITS, L_STORE_BYTES, L_EXTRA_BYTES, L_VECTOR_OPS, L_LANES = range(10)
# Entries of the array vector.
(
    X_DATAFLOW, X_OVERLAP, X_USED_EDGES, X_ROWS, X_COLS, X_ARRAYS, X_DRAIN, X_ACC_BITS, X_VECTOR_LANES,
    X_FIFO_DEPTH, X_TRANSPOSED,
) = range(11)  # fmt: skip
# Entries of the tiling vector.
T_G, T_M, T_N, T_K, T_ORDER, T_DEAL_N = range(6)
# Entries of a pace vector: Pace's fields in order.
BEAT_FIRST, BEAT_LATER, LOAD_ROW, DRAIN_FIRST, DRAIN_LATER = range(5)

# Loop positions (outermost first) of m, n, k by T_ORDER: index into (m, n, k).
_ORDERS = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]], np.int64)


@kernel
def ceil_div(a, b):
    """Integer division, rounded up."""
    return -(-a // b)


@kernel
def count_folds(extent, tile, size):
    """Folds of ``size`` along one dimension that is cut into tiles."""
    return (extent // tile) * ceil_div(tile, size) + ceil_div(extent % tile, size)


@kernel
def folds_of_tile(array, lanes, groups, tile_m, tile_n, tile_k, deal_n):
    """What the busiest array runs of one tile: ``(groups, column folds, row folds, rows of the last row fold, columns
    of the last column fold, columns of the others, steps)``.
    """
    dataflow, used = array[X_DATAFLOW], array[X_USED_EDGES]
    rows, cols, arrays = array[X_ROWS], array[X_COLS], array[X_ARRAYS]
    k_steps = ceil_div(tile_k, lanes)
    os = dataflow == OS
    if os:
        row_extent, col_extent, steps = tile_m, tile_n, k_steps
    elif dataflow == WS:
        row_extent, col_extent, steps = k_steps, tile_n, tile_m
    else:
        row_extent, col_extent, steps = k_steps, tile_m, tile_n
    row_folds, col_folds = ceil_div(row_extent, rows), ceil_div(col_extent, cols)
    last_rows = row_extent - (row_folds - 1) * rows if used else rows
    last_cols = col_extent - (col_folds - 1) * cols if used else cols

    # Deal folds (or chunks of the time steps) to the arrays; the first array never has fewer than another.
    if arrays > 1:
        deals_cols = (deal_n and dataflow != IS) or (not deal_n and dataflow == IS)
        if deals_cols:
            share = min(arrays, col_folds)
            if (col_folds - 1) % share != 0:
                last_cols = cols
            col_folds = ceil_div(col_folds, share)
        elif os:
            share = min(arrays, row_folds)
            if (row_folds - 1) % share != 0:
                last_rows = rows
            row_folds = ceil_div(row_folds, share)
        else:
            share = min(arrays, steps)
            steps = ceil_div(steps, share)
        groups = ceil_div(groups, max(1, arrays // share))
    return groups, col_folds, row_folds, last_rows, last_cols, cols, steps


@kernel
def add_tile(state, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k):
    """Append the folds of one tile, as the busiest array runs them, to the sequence.

    An estimate with ``full`` overlap where folds of different sizes or drains (os), or with a slow load and
    ``edge_folds: used`` (ws, is), follow one another; the chains are exact there, and slower.
    """
    os, overlap = array[X_DATAFLOW] == OS, array[X_OVERLAP]
    rows, cols = array[X_ROWS], array[X_COLS]
    groups, col_folds, row_folds, last_rows, last_cols, _, steps = folds_of_tile(
        array, lanes, groups, tile_m, tile_n, tile_k, deal_n
    )
    load = 0 if os else rows * pace[LOAD_ROW]
    drain_row = 0
    if os and array[X_DRAIN]:
        drain_row = pace[DRAIN_LATER] if later_k else pace[DRAIN_FIRST]
    beat_later = pace[BEAT_LATER]
    beat_first = beat_later if later_k else pace[BEAT_FIRST]
    even = (os or beat_first == beat_later) and last_rows == rows and last_cols == cols
    if even:
        drain = rows * drain_row
        count = groups * col_folds * row_folds
        advance(state, os, overlap, count, steps, beat_first, rows, cols, rows, load, drain, drain)
        return
    for _ in range(groups):
        for fold in range(col_folds):
            c = last_cols if fold == col_folds - 1 else cols
            if os:
                drain = rows * drain_row
                advance(state, os, overlap, row_folds - 1, steps, beat_first, rows, c, rows, 0, drain, drain)
                drain = last_rows * drain_row
                advance(state, os, overlap, 1, steps, beat_first, last_rows, c, rows, 0, drain, drain)
                continue
            if row_folds > 1:
                advance(state, os, overlap, 1, steps, beat_first, rows, c, rows, load, 0, 0)
                advance(state, os, overlap, row_folds - 2, steps, beat_later, rows, c, rows, load, 0, 0)
                advance(state, os, overlap, 1, steps, beat_later, last_rows, c, rows, load, 0, 0)
            else:
                advance(state, os, overlap, 1, steps, beat_first, last_rows, c, rows, load, 0, 0)


@kernel
def _add_to_chain(chain, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k):
    """The same for overlapping folds of os, line by line, where ``chain`` holds their state."""
    rows, cols, transposed = array[X_ROWS], array[X_COLS], array[X_TRANSPOSED] == 1
    groups, col_folds, row_folds, last_rows, last_cols, _, steps = folds_of_tile(
        array, lanes, groups, tile_m, tile_n, tile_k, deal_n
    )
    drains, depth, beat = array[X_DRAIN] == 1, array[X_FIFO_DEPTH], pace[BEAT_FIRST]
    drain_row = pace[DRAIN_LATER] if later_k else pace[DRAIN_FIRST]
    # Rows that wait for slow drains move apart by a drain's row. An upper row that a full FIFO stops delays none below
    # it, so this matters only where the next fold ends above.
    may_block = array[X_USED_EDGES] and not transposed and max(pace[DRAIN_FIRST], pace[DRAIN_LATER]) > depth * beat
    if last_rows == rows and last_cols == cols:
        lines, across = (cols, rows) if transposed else (rows, cols)
        count = groups * col_folds * row_folds
        append_equal_folds(
            chain, count, lines, across, rows, steps, beat, drain_row, drains, transposed, depth, may_block
        )
        return
    for _ in range(groups):
        for fold in range(col_folds):
            c = last_cols if fold == col_folds - 1 else cols
            for r, count in ((rows, row_folds - 1), (last_rows, 1)):
                line_count, across = (c, r) if transposed else (r, c)
                append_equal_folds(
                    chain, count, line_count, across, r, steps, beat, drain_row, drains, transposed, depth, may_block
                )


@kernel
def _add_to_stationary_chain(chain, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k):
    """The same for overlapping folds of ws and is, row by row."""
    rows = array[X_ROWS]
    groups, col_folds, row_folds, last_rows, last_cols, _, steps = folds_of_tile(
        array, lanes, groups, tile_m, tile_n, tile_k, deal_n
    )
    for _ in range(groups):
        for fold in range(col_folds):
            c = last_cols if fold == col_folds - 1 else array[X_COLS]
            for row_fold in range(row_folds):
                r = last_rows if row_fold == row_folds - 1 else rows
                beat = pace[BEAT_LATER] if later_k or row_fold else pace[BEAT_FIRST]
                append_fold(chain, rows, r, c, steps, beat, pace[LOAD_ROW], array[X_FIFO_DEPTH])


@kernel
def _new_states(array):
    """A sequence, and the chains that take its place where folds overlap."""
    if array[X_OVERLAP] != FULL:  # the chains are not used
        return new_state(), new_chain(0, 0, 0), new_stationary_chain(0, 0)
    rows, depth = array[X_ROWS], array[X_FIFO_DEPTH]
    return new_state(), new_chain(rows, array[X_COLS], depth), new_stationary_chain(rows, depth)


@kernel
def _append(states, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k):
    """Append one tile; returns the end so far."""
    state, chain, stationary_chain = states
    os = array[X_DATAFLOW] == OS
    if os and array[X_OVERLAP] == FULL:
        _add_to_chain(chain, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k)
        return chain_end(chain)
    if array[X_OVERLAP] == FULL and array[X_USED_EDGES] and pace[LOAD_ROW] > 1:
        # A slow load waits for rows of which some run ahead of the others.
        _add_to_stationary_chain(stationary_chain, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k)
        return stationary_chain_end(stationary_chain)
    add_tile(state, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k)
    return sequence_end(state, os, array[X_OVERLAP])


@kernel
def build_tiles(layer, conv, array, paced, ideal, tiling, weight_dep, input_dep, extra_dep):
    """Records of all tiles of a layer (columns: :mod:`accel_sim.timeline.kernel`), the stage column left at 0.

    ``paced`` and ``ideal`` are the pace with and without port limits; the ``*_dep`` are the stages that weights,
    activations and the fused operations' other operands wait for.
    """
    groups, m, n, k, lanes = layer[L_GROUPS], layer[L_M], layer[L_N], layer[L_K], layer[L_LANES]
    tile_g, tile_m, tile_n, tile_k = tiling[T_G], tiling[T_M], tiling[T_N], tiling[T_K]
    counts = np.array([ceil_div(m, tile_m), ceil_div(n, tile_n), ceil_div(k, tile_k)], np.int64)
    group_tiles = ceil_div(groups, tile_g)
    order = _ORDERS[tiling[T_ORDER]]
    per_group = counts[0] * counts[1] * counts[2]
    tiles = np.zeros((group_tiles * per_group, COLUMNS), np.int64)

    unlimited = np.all(paced == ideal)  # ports stretch nothing: both times are one
    states, ideal_states = _new_states(array), _new_states(array)
    end, ideal_end = np.int64(0), np.int64(0)
    from_idle = np.full((2, 2, 2, 2, 2), -1, np.int64)  # by (later k, last m, last n, last k, last group tile)
    outputs_total = float(groups * m * n)
    outputs_done, stored, extra, operations = 0.0, np.int64(0), np.int64(0), np.int64(0)
    index = np.zeros(3, np.int64)
    row = 0
    for gi in range(group_tiles):
        here = min(tile_g, groups - gi * tile_g)
        previous_m, previous_n, previous_k = -1, -1, -1
        for flat in range(per_group):
            rest = flat
            for level in range(2, -1, -1):
                index[order[level]] = rest % counts[order[level]]
                rest //= counts[order[level]]
            mi, ni, ki = index[0], index[1], index[2]
            m0, n0, k0 = mi * tile_m, ni * tile_n, ki * tile_k
            m1, n1, k1 = min(m, m0 + tile_m), min(n, n0 + tile_n), min(k, k0 + tile_k)
            later_k = ki > 0
            record = tiles[row]
            record[W_DEP], record[A_DEP], record[P_DEP] = weight_dep, input_dep, extra_dep
            if ni != previous_n or ki != previous_k:
                record[W_BYTES] = ceil_div(here * (k1 - k0) * (n1 - n0) * layer[L_W_BITS], 8)
            if mi != previous_m or ki != previous_k:
                elements = input_elements(conv, m0, m1, k0, k1)
                record[A_BYTES] = ceil_div(here * elements * layer[L_A_BITS], 8)
            outputs = here * (m1 - m0) * (n1 - n0)
            if (mi != previous_m or ni != previous_n) and later_k:
                record[P_BYTES] = ceil_div(outputs * array[X_ACC_BITS], 8)
            previous_m, previous_n, previous_k = mi, ni, ki

            if ki == counts[2] - 1:
                outputs_done += outputs
                done = outputs_done / outputs_total
                due = np.int64(np.floor(done * layer[L_STORE_BYTES] + 0.5))
                extra_due = np.int64(np.floor(done * layer[L_EXTRA_BYTES] + 0.5))
                record[OUT_BYTES] = due - stored
                record[P_BYTES] += extra_due - extra
                stored, extra = due, extra_due
                operations_due = np.int64(np.floor(done * layer[L_VECTOR_OPS] + 0.5))
                record[VECTOR] = ceil_div(operations_due - operations, array[X_VECTOR_LANES])
                operations = operations_due
            elif order[2] != 2 and counts[order[2]] * (counts[order[1]] if order[1] != 2 else 1) > 1:
                # The next tile works on other outputs: the partial sums leave the SRAM.
                record[OUT_BYTES] = ceil_div(outputs * array[X_ACC_BITS], 8)

            extents = (here, m1 - m0, n1 - n0, k1 - k0)
            now = max(end, _append(states, array, lanes, paced, *extents, tiling[T_DEAL_N], later_k))
            ideal_now = now
            if not unlimited:
                ideal_now = _append(ideal_states, array, lanes, ideal, *extents, tiling[T_DEAL_N], later_k)
                ideal_now = max(ideal_end, ideal_now)
            record[BACK_TO_BACK], record[IDEAL] = now - end, ideal_now - ideal_end
            end, ideal_end = now, ideal_now
            key = (
                int(later_k), int(mi == counts[0] - 1), int(ni == counts[1] - 1), int(ki == counts[2] - 1),
                int(gi == group_tiles - 1),
            )  # fmt: skip
            if from_idle[key] < 0:
                from_idle[key] = _append(_new_states(array), array, lanes, paced, *extents, tiling[T_DEAL_N], later_k)
            record[FROM_IDLE] = max(from_idle[key], record[BACK_TO_BACK])
            row += 1
    return tiles
