"""Kernel: estimate every legal tiling of a layer in one pass.

Bytes over the DRAM pins and SRAM word accesses are exact per tiling; time is the exact length of each kind of tile
between two of its kind, times their number, against the DRAM's busy time. The best few are then run exactly
(:mod:`accel_sim.mapping.search`).
"""

from __future__ import annotations

import numpy as np

from accel_sim.array.sequence_kernel import new_state, sequence_end
from accel_sim.array.tile_kernel import (
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
    OS,
    WS,
    X_ACC_BITS,
    X_COLS,
    X_DATAFLOW,
    X_OVERLAP,
    X_ROWS,
    X_VECTOR_LANES,
    add_tile,
    ceil_div,
    count_folds,
)
from accel_sim.jit import kernel

__all__ = ["EDP", "ENERGY", "LATENCY", "estimate_all"]

ENERGY, LATENCY, EDP = 0, 1, 2
# Entries of the price vector.
P_DRAM_BYTE, P_A_READ_BIT, P_A_WRITE_BIT, P_W_READ_BIT, P_W_WRITE_BIT, P_O_READ_BIT, P_O_WRITE_BIT, P_CYCLE = range(8)
_ORDERS = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]], np.int64)


@kernel
def _tile_cycles(layer, array, pace, tiling, deal_n):
    """Cycles of all tiles of all groups on the array if each follows one of its own kind."""
    total = 0.0
    tile_g, tile_m, tile_n, tile_k = tiling
    os, overlap = array[X_DATAFLOW] == OS, array[X_OVERLAP]
    full_m, full_n, full_k = layer[L_M] // tile_m, layer[L_N] // tile_n, layer[L_K] // tile_k
    full_g = layer[L_GROUPS] // tile_g
    for im in range(2):
        cm = full_m if im == 0 else int(layer[L_M] % tile_m > 0)
        sm = tile_m if im == 0 else layer[L_M] % tile_m
        for jn in range(2):
            cn = full_n if jn == 0 else int(layer[L_N] % tile_n > 0)
            sn = tile_n if jn == 0 else layer[L_N] % tile_n
            for lk in range(3):  # first, middle, remainder
                if lk == 0:
                    ck, sk = 1, min(tile_k, layer[L_K])
                elif lk == 1:
                    ck, sk = full_k - 1, tile_k
                else:
                    ck, sk = int(full_k > 0 and layer[L_K] % tile_k > 0), layer[L_K] % tile_k
                for ig in range(2):
                    cg = full_g if ig == 0 else int(layer[L_GROUPS] % tile_g > 0)
                    sg = tile_g if ig == 0 else layer[L_GROUPS] % tile_g
                    count = cm * cn * ck * cg
                    if count <= 0:
                        continue
                    state = new_state()
                    add_tile(state, array, layer[L_LANES], pace, sg, sm, sn, sk, deal_n, lk > 0)
                    once = sequence_end(state, os, overlap)
                    add_tile(state, array, layer[L_LANES], pace, sg, sm, sn, sk, deal_n, lk > 0)
                    total += count * (sequence_end(state, os, overlap) - once)
    return total


@kernel
def _edge_bits(layer, array, tiling):
    """Bits read from the activation and weight SRAMs at the array's edges, and partial-sum bits written (and read)."""
    _, tile_m, tile_n, tile_k = tiling
    groups, m, n, k = layer[L_GROUPS], layer[L_M], layer[L_N], layer[L_K]
    tiles_m, tiles_n, tiles_k = ceil_div(m, tile_m), ceil_div(n, tile_n), ceil_div(k, tile_k)
    rows, cols, lanes = array[X_ROWS], array[X_COLS], layer[L_LANES]
    folds_m, folds_n, folds_k = 1, 1, 1
    if array[X_DATAFLOW] == WS:
        folds_n, folds_k = count_folds(n, tile_n, cols), count_folds(k, tile_k, rows * lanes)
        a_reads, w_reads = m * k * folds_n, k * n * tiles_m
    elif array[X_DATAFLOW] == IS:
        folds_m, folds_k = count_folds(m, tile_m, cols), count_folds(k, tile_k, rows * lanes)
        a_reads, w_reads = m * k * tiles_n, k * n * folds_m
    else:
        folds_m, folds_n, folds_k = count_folds(m, tile_m, rows), count_folds(n, tile_n, cols), tiles_k
        a_reads, w_reads = m * k * folds_n, k * n * folds_m
    outputs = float(groups * m * n) * array[X_ACC_BITS]
    return float(groups * a_reads) * layer[L_A_BITS], float(groups * w_reads) * layer[L_W_BITS], outputs * folds_k


@kernel
def _revisits(order, counts, free):
    """How often a tile that does not depend on loop ``free`` is brought in: once, or per turn of ``free``."""
    if counts[free] == 1:
        return 1
    inside = False
    for level in range(2, -1, -1):
        if order[level] == free:
            return counts[free] if inside else 1
        if counts[order[level]] > 1:
            inside = True
    return 1


@kernel
def estimate_all(
    layer,
    footprint_sums,
    footprint_most,
    array,
    pace,
    sizes_g,
    sizes_m,
    sizes_n,
    sizes_k,
    capacity_bits,
    prices,
    bytes_per_cycle,
    objective,
    deal_n,
    most_tiles,
):
    """Estimated objective of every combination; ``inf`` where a tile does not fit or the layer has too many of them.

    ``footprint_sums`` and ``footprint_most``, by M and K size, are those of :mod:`accel_sim.mapping.footprints_kernel`.
    Returns ``(scores, need)``: scores ``(g, m, n, k, 6)``; ``need`` the least bits that each SRAM would have had to
    hold per tile.
    """
    shape = (sizes_g.size, sizes_m.size, sizes_n.size, sizes_k.size, 6)
    scores = np.full(shape, np.inf)
    need = np.full(3, np.inf)
    out_total = float(layer[L_GROUPS] * layer[L_M] * layer[L_N])
    counts = np.empty(3, np.int64)
    for mi in range(sizes_m.size):
        for ki in range(sizes_k.size):
            tile_m, tile_k = sizes_m[mi], sizes_k[ki]
            counts[0], counts[2] = ceil_div(layer[L_M], tile_m), ceil_div(layer[L_K], tile_k)
            few = counts[0] * counts[2] <= most_tiles
            a_sum, a_most = footprint_sums[mi, ki], footprint_most[mi, ki]
            for ni in range(sizes_n.size):
                tile_n = sizes_n[ni]
                counts[1] = ceil_div(layer[L_N], tile_n)
                for gi in range(sizes_g.size):
                    tile_g = sizes_g[gi]
                    if tile_g > 1 and counts[0] * counts[1] * counts[2] > 1:
                        continue
                    a_bits = float(tile_g * a_most) * layer[L_A_BITS]
                    w_bits = float(tile_g * tile_k * tile_n) * layer[L_W_BITS]
                    o_bits = float(tile_g * tile_m * tile_n) * array[X_ACC_BITS]
                    need[0], need[1], need[2] = min(need[0], a_bits), min(need[1], w_bits), min(need[2], o_bits)
                    tiles = counts[0] * counts[1] * counts[2] * ceil_div(layer[L_GROUPS], tile_g)
                    if not few or tiles > most_tiles:
                        continue
                    if a_bits > capacity_bits[0] or w_bits > capacity_bits[1] or o_bits > capacity_bits[2]:
                        continue
                    tiling = (tile_g, tile_m, tile_n, tile_k)
                    cycles = _tile_cycles(layer, array, pace, tiling, deal_n)
                    cycles = max(cycles, layer[L_VECTOR_OPS] / array[X_VECTOR_LANES])
                    a_edge, w_edge, p_edge = _edge_bits(layer, array, tiling)
                    out_bits = out_total * array[X_ACC_BITS]
                    for oi in range(6):
                        order = _ORDERS[oi]
                        a_bytes = layer[L_GROUPS] * a_sum * layer[L_A_BITS] / 8.0 * _revisits(order, counts, 1)
                        w_bytes = float(layer[L_GROUPS] * layer[L_K] * layer[L_N]) * layer[L_W_BITS] / 8.0
                        w_bytes *= _revisits(order, counts, 0)
                        spills = 0
                        if _revisits(order, counts, 2) > 1:
                            spills = counts[2] - 1
                        spill_bytes = out_bits / 8.0 * spills
                        moved = a_bytes + w_bytes + 2 * spill_bytes + layer[L_STORE_BYTES] + layer[L_EXTRA_BYTES]
                        first = (a_bytes + w_bytes) / (
                            counts[0] * counts[1] * counts[2] * ceil_div(layer[L_GROUPS], tile_g)
                        )
                        time = (
                            max(cycles, moved / bytes_per_cycle) + min(first, a_bits / 8 + w_bits / 8) / bytes_per_cycle
                        )
                        energy = (
                            moved * prices[P_DRAM_BYTE]
                            + a_edge * prices[P_A_READ_BIT] + a_bytes * 8 * prices[P_A_WRITE_BIT]
                            + w_edge * prices[P_W_READ_BIT] + w_bytes * 8 * prices[P_W_WRITE_BIT]
                            + (p_edge + spill_bytes * 8) * (prices[P_O_READ_BIT] + prices[P_O_WRITE_BIT])
                            + time * prices[P_CYCLE]
                        )  # fmt: skip
                        if objective == ENERGY:
                            scores[gi, mi, ni, ki, oi] = energy
                        elif objective == LATENCY:
                            scores[gi, mi, ni, ki, oi] = time
                        else:
                            scores[gi, mi, ni, ki, oi] = energy * time
    return scores, need
