"""Kernel: for every legal tiling of a layer what it costs at least, in one pass.

Bytes over the DRAM pins, SRAM words and bits clocked into registers are exact per tiling; the cycles are those that the
array, the vector unit and the DRAM take at least, each without waiting for the others but at the beginning and the end.
What a tiling really costs is then found out for the lowest bounds, until no other can be better
(:mod:`accel_sim.mapping.search`).
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.sequence_kernel import FULL, NONE, new_state, sequence_end
from accel_sim.array.tile_kernel import (
    BEAT_FIRST,
    BEAT_LATER,
    DRAIN_FIRST,
    DRAIN_LATER,
    IS,
    L_A_BITS,
    L_EXTRA_BYTES,
    L_GROUPS,
    L_K,
    L_LANES,
    L_M,
    L_N,
    L_STORE_BYTES,
    L_VECTOR_OPS,
    L_W_BITS,
    LOAD_ROW,
    OS,
    X_ACC_BITS,
    X_ARRAYS,
    X_DATAFLOW,
    X_DRAIN,
    X_OVERLAP,
    X_ROWS,
    X_VECTOR_LANES,
    add_tile,
    ceil_div,
    folds_of_tile,
)
from accel_sim.jit import kernel
from accel_sim.mapping.actions_kernel import array_actions

__all__ = ["EDP", "ENERGY", "LATENCY", "PRICES", "lower_bounds"]

ENERGY, LATENCY, EDP = 0, 1, 2
# Entries of the price vector, pJ: of what no tiling changes; per byte over the DRAM pins; per word that the activation,
# weight and output SRAM read and write, per bit that enters at an edge (its share of a decoder's work included); per
# bit clocked into registers and pushed into FIFOs; per cycle.
(
    P_CONSTANT, P_DRAM_BYTE, P_A_READ, P_A_WRITE, P_W_READ, P_W_WRITE, P_O_READ, P_O_WRITE, P_A_ENTER_BIT,
    P_W_ENTER_BIT, P_REGISTER_BIT, P_FIFO_BIT, P_CYCLE,
) = range(13)  # fmt: skip
PRICES = 13
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _revisited() -> NDArray[np.bool_]:
    """``(8, 6, 3)``: whether a tile that does not depend on a loop is brought in anew in each of its turns.

    First index: which of the loops over m, n, k have several turns, as a sum of 1, 2 and 4; then the order; then the
    loop. It is where another loop turns inside.
    """
    table = np.zeros((8, len(_ORDERS), 3), np.bool_)
    for several, order in product(range(8), range(len(_ORDERS))):
        for level, loop in enumerate(_ORDERS[order]):
            inside = any(several >> other & 1 for other in _ORDERS[order][level + 1 :])
            table[several, order, loop] = inside and several >> loop & 1
    return table


def _first_alike() -> NDArray[np.bool_]:
    """``(8, 6)``: whether an order is the first of those that visit the tiles alike; first index as above."""
    table = np.zeros((8, len(_ORDERS)), np.bool_)
    for several in range(8):
        turns = [tuple(loop for loop in order if several >> loop & 1) for order in _ORDERS]
        table[several] = [turns.index(own) == place for place, own in enumerate(turns)]
    return table


_REVISITED, _FIRST_ALIKE = _revisited(), _first_alike()


@kernel
def _fold_cycles(overlap, stream, load, drain):
    """By how much a fold that follows its like moves the end of a sequence, at least."""
    if overlap == NONE:
        return load + stream + drain
    return max(stream, load, drain)


@kernel
def _tile_cycles(array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k):
    """Cycles that a tile takes between others of its layer, at least; no overlap of waves."""
    os, overlap, rows = array[X_DATAFLOW] == OS, array[X_OVERLAP], array[X_ROWS]
    groups, col_folds, row_folds, last_rows, last_cols, cols, steps = folds_of_tile(
        array, lanes, groups, tile_m, tile_n, tile_k, deal_n
    )
    beat_later = pace[BEAT_LATER]
    beat_first = beat_later if later_k else pace[BEAT_FIRST]
    load, drain, last_drain = 0 if os else rows * pace[LOAD_ROW], 0, 0
    if os and array[X_DRAIN]:
        if overlap == NONE:
            drain_row = pace[DRAIN_LATER] if later_k else pace[DRAIN_FIRST]
            drain, last_drain = rows * drain_row, last_rows * drain_row
        else:  # it is the fold before that drains
            drain = last_drain = last_rows * min(pace[DRAIN_FIRST], pace[DRAIN_LATER])
    total = 0
    for last in range(2):
        c = last_cols if last else cols
        times = 1 if last else col_folds - 1
        if times == 0:
            continue
        first_rows = last_rows if row_folds == 1 else rows
        first_drain = last_drain if row_folds == 1 else drain
        column = _fold_cycles(overlap, steps * beat_first + first_rows + c - 2, load, first_drain)
        if row_folds > 1:
            beat = beat_first if os else beat_later
            column += (row_folds - 2) * _fold_cycles(overlap, steps * beat + rows + c - 2, load, drain)
            column += _fold_cycles(overlap, steps * beat + last_rows + c - 2, load, last_drain)
        total += times * column
    return groups * total


@kernel
def _wave_cycles(array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k):
    """The same where the waves of folds follow each other: a tile after another of its kind."""
    state, os, overlap = new_state(), array[X_DATAFLOW] == OS, array[X_OVERLAP]
    add_tile(state, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k)
    once = sequence_end(state, os, overlap)
    add_tile(state, array, lanes, pace, groups, tile_m, tile_n, tile_k, deal_n, later_k)
    return sequence_end(state, os, overlap) - once


@kernel
def _array_cycles(layer, array, pace, tiling, deal_n):
    """Cycles of all tiles of all groups on the array, and of the last one, at least."""
    total, last_tile = 0, 0
    tile_g, tile_m, tile_n, tile_k = tiling
    lanes, waves = layer[L_LANES], array[X_OVERLAP] == FULL
    full_m, rest_m = layer[L_M] // tile_m, layer[L_M] % tile_m
    full_n, rest_n = layer[L_N] // tile_n, layer[L_N] % tile_n
    full_k, rest_k = layer[L_K] // tile_k, layer[L_K] % tile_k
    full_g, rest_g = layer[L_GROUPS] // tile_g, layer[L_GROUPS] % tile_g
    # Tiles of later K differ from the first where their partial sums are read back too slowly.
    alike = not waves and pace[BEAT_FIRST] == pace[BEAT_LATER] and pace[DRAIN_FIRST] == pace[DRAIN_LATER]
    first_k = 0 if alike else 1
    for cm, sm in ((full_m, tile_m), (1, rest_m)):
        if sm == 0:
            continue
        for cn, sn in ((full_n, tile_n), (1, rest_n)):
            if sn == 0:
                continue
            for ck, sk, later_k in ((first_k, tile_k, 0), (full_k - first_k, tile_k, 1), (1, rest_k, 1)):
                if ck == 0 or sk == 0:
                    continue
                for cg, sg in ((full_g, tile_g), (1, rest_g)):
                    if sg == 0:
                        continue
                    if waves:
                        cycles = _wave_cycles(array, lanes, pace, sg, sm, sn, sk, deal_n, later_k)
                    else:
                        cycles = _tile_cycles(array, lanes, pace, sg, sm, sn, sk, deal_n, later_k)
                    total += cm * cn * ck * cg * cycles
                    last_tile = cycles  # the loops end with what is left over along every dimension
    return total, last_tile


@kernel
def _ends(array, pace, steps):
    """Cycles of the first load or the last drain, which no other fold hides, at least."""
    if array[X_OVERLAP] != 1:
        return 0
    if array[X_DATAFLOW] == OS:
        return min(pace[DRAIN_FIRST], pace[DRAIN_LATER]) if array[X_DRAIN] else 0
    return min(array[X_ROWS] * pace[LOAD_ROW], steps * pace[BEAT_FIRST])


@kernel
def _edge_energy(layer, array, words, tiling, deal_n, prices):
    """PJ of what the array and the SRAMs at its edges do, cycles left out."""
    a_reads, a_words, w_reads, w_words, _, out_words, register_bits, fifo_bits = array_actions(
        layer, array, words, tiling, deal_n
    )
    return (
        prices[P_CONSTANT]
        + a_words * prices[P_A_READ] + a_reads * float(layer[L_A_BITS]) * prices[P_A_ENTER_BIT]
        + w_words * prices[P_W_READ] + w_reads * float(layer[L_W_BITS]) * prices[P_W_ENTER_BIT]
        + out_words * (prices[P_O_READ] + prices[P_O_WRITE])
        + register_bits * prices[P_REGISTER_BIT] + fifo_bits * prices[P_FIFO_BIT]
    )  # fmt: skip


@kernel
def lower_bounds(
    layer,
    footprints,
    array,
    pace,
    sizes,
    capacity_bits,
    words,
    shares,
    prices,
    dram,
    objective,
    deal_n,
    most_tiles,
    only_order,
):
    """Least objective of every combination; ``inf`` where a tile does not fit or the layer has too many of them.

    Args:
        layer, array, pace: vectors of :mod:`accel_sim.array.tile_kernel`.
        footprints: sums, most and first, by M and K size, of :mod:`accel_sim.mapping.footprints_kernel`.
        sizes: of tiles along groups, M, N and K, ascending.
        capacity_bits: of the activation, weight and output SRAM for a tile, in bits of dense operands.
        words: bits of a word of each.
        shares: bits written into the activation and weight SRAM over the dense ones.
        prices: see :data:`PRICES`.
        dram: bytes per cycle, cycles until a read's data are there.
        objective: :data:`ENERGY`, :data:`LATENCY` or :data:`EDP`.
        only_order: the loop order, or -1: of those that visit the tiles alike the first.

    Returns ``(bounds, need)``: bounds ``(g, m, n, k, 6)``; ``need`` the least bits that each SRAM would have had to
    hold per tile.
    """
    sizes_g, sizes_m, sizes_n, sizes_k = sizes
    footprint_sums, footprint_most, footprint_first = footprints
    bounds = np.full((sizes_g.size, sizes_m.size, sizes_n.size, sizes_k.size, 6), np.inf)
    need = np.full(3, np.inf)
    counts = np.empty(3, np.int64)
    groups = layer[L_GROUPS]
    out_bits = float(groups * layer[L_M] * layer[L_N]) * array[X_ACC_BITS]
    all_weights_bytes = float(groups * layer[L_K] * layer[L_N]) * layer[L_W_BITS] / 8.0
    rate, latency = dram
    vector_cycles = layer[L_VECTOR_OPS] / array[X_VECTOR_LANES]
    for mi in range(sizes_m.size):
        for ki in range(sizes_k.size):
            tile_m, tile_k = sizes_m[mi], sizes_k[ki]
            counts[0], counts[2] = ceil_div(layer[L_M], tile_m), ceil_div(layer[L_K], tile_k)
            few = counts[0] * counts[2] <= most_tiles
            for ni in range(sizes_n.size):
                tile_n = sizes_n[ni]
                counts[1] = ceil_div(layer[L_N], tile_n)
                for gi in range(sizes_g.size):
                    tile_g = sizes_g[gi]
                    if tile_g > 1 and counts[0] * counts[1] * counts[2] > 1:
                        continue
                    a_bits = float(tile_g * footprint_most[mi, ki]) * layer[L_A_BITS]
                    w_bits = float(tile_g * tile_k * tile_n) * layer[L_W_BITS]
                    o_bits = float(tile_g * tile_m * tile_n) * array[X_ACC_BITS]
                    need[0], need[1], need[2] = min(need[0], a_bits), min(need[1], w_bits), min(need[2], o_bits)
                    tiles = counts[0] * counts[1] * counts[2] * ceil_div(groups, tile_g)
                    if not few or tiles > most_tiles:
                        continue
                    if a_bits > capacity_bits[0] or w_bits > capacity_bits[1] or o_bits > capacity_bits[2]:
                        continue
                    tiling = (tile_g, tile_m, tile_n, tile_k)
                    edge_pj = 0.0
                    if objective != LATENCY:
                        edge_pj = _edge_energy(layer, array, words, tiling, deal_n, prices)
                    array_cycles, last_tile = _array_cycles(layer, array, pace, tiling, deal_n)
                    last_m = layer[L_M] - (counts[0] - 1) * tile_m
                    last_n = layer[L_N] - (counts[1] - 1) * tile_n
                    last_g = groups - (ceil_div(groups, tile_g) - 1) * tile_g
                    steps = last_n if array[X_DATAFLOW] == IS else last_m
                    array_cycles += _ends(array, pace, ceil_div(steps, array[X_ARRAYS]))
                    last_bytes = layer[L_STORE_BYTES] * (last_g * last_m * last_n / (groups * layer[L_M] * layer[L_N]))
                    first_bytes = (tile_g * footprint_first[mi, ki] * layer[L_A_BITS] + w_bits) / 8.0
                    begin, finish = first_bytes / rate + latency, last_bytes / rate
                    busy = max(array_cycles, vector_cycles) + begin + finish
                    several = int(counts[0] > 1) + 2 * int(counts[1] > 1) + 4 * int(counts[2] > 1)
                    for oi in range(6):
                        if only_order >= 0 and oi != only_order:
                            continue
                        if only_order < 0 and not _FIRST_ALIKE[several, oi]:
                            continue
                        again = _REVISITED[several, oi]
                        a_bytes = groups * footprint_sums[mi, ki] * layer[L_A_BITS] / 8.0
                        a_bytes *= counts[1] if again[1] else 1
                        w_bytes = all_weights_bytes * (counts[0] if again[0] else 1)
                        spill_bytes = out_bits / 8.0 * (counts[2] - 1 if again[2] else 0)
                        # The fused operations' operands take time, but are counted with their own rows.
                        own_bytes = a_bytes + w_bytes + 2 * spill_bytes + layer[L_STORE_BYTES]
                        fetched_bytes = a_bytes + w_bytes + spill_bytes + layer[L_EXTRA_BYTES]
                        cycles = max(busy, (own_bytes + layer[L_EXTRA_BYTES]) / rate)
                        cycles = max(cycles, fetched_bytes / rate + latency + last_tile + finish)
                        if objective == LATENCY:
                            bounds[gi, mi, ni, ki, oi] = cycles
                            continue
                        energy = (
                            edge_pj
                            + own_bytes * prices[P_DRAM_BYTE]
                            + a_bytes * 8 * shares[0] / words[0] * prices[P_A_WRITE]
                            + w_bytes * 8 * shares[1] / words[1] * prices[P_W_WRITE]
                            + spill_bytes * 8 / words[2] * (prices[P_O_READ] + prices[P_O_WRITE])
                            + cycles * prices[P_CYCLE]
                        )  # fmt: skip
                        bounds[gi, mi, ni, ki, oi] = energy if objective == ENERGY else energy * cycles
    return bounds, need
