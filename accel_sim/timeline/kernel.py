"""Kernel: the time line of a list of tiles, event by event.

Per tile: fetch (DRAM to SRAM), compute, vector unit, store. The array works on tiles in order. With double
buffering the next tile is fetched while this one computes; a fetch needs a free half, so does the output of a tile.
DRAM serves fetches and stores in order of request; at equal times the fetch first, since the array may wait for it.
Fetches are issued in tile order, weights first: they depend on no earlier layer, and so reach over a layer's
border.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel
from accel_sim.memory.dram_kernel import BANDWIDTH, CLOCKS_PER_CYCLE, MODEL, serve
from accel_sim.memory.pointer_kernel import pointer
from accel_sim.memory.transfer_kernel import COUNTED, add_counts, finish, transfer

__all__ = [
    "A_BYTES", "A_DEP", "BACK_TO_BACK", "COLUMNS", "FROM_IDLE", "IDEAL", "OUT_BYTES", "P_BYTES", "P_DEP", "STAGE",
    "VECTOR", "W_BYTES", "W_DEP", "run",
]  # fmt: skip

# Columns of a tile's record.
W_BYTES, A_BYTES, P_BYTES, OUT_BYTES = (
    0,
    1,
    2,
    3,
)  # fetched weights, activations, other operands; stored; 0 = nothing new
BACK_TO_BACK, FROM_IDLE, IDEAL, VECTOR = 4, 5, 6, 7  # cycles
STAGE, W_DEP, A_DEP, P_DEP = 8, 9, 10, 11  # index of the stage; last stage that each fetch must wait for, -1 = none
COLUMNS = 12

_UNKNOWN = -1
_NEVER = np.int64(1) << 62


@kernel
def _generations(has_new):
    """First tile of each generation of a buffer's content, and each tile's generation."""
    tiles = has_new.size
    of_tile = np.empty(tiles, np.int64)
    first = np.empty(tiles + 1, np.int64)
    count = 0
    for i in range(tiles):
        if has_new[i]:
            first[count] = i
            count += 1
        of_tile[i] = count - 1
    first[count] = tiles
    return of_tile, first


@kernel
def _half_free(generation, first, halves, computed, compute_end):
    """When the half for ``generation`` is free: the end of its last user; ``_UNKNOWN`` if that has not run yet."""
    before = generation - halves + 1
    if before <= 0:
        return 0
    last_user = first[before] - 1
    return compute_end[last_user] if last_user < computed else _UNKNOWN


@kernel
def _serve_bursts(dram, p, s, scratch, request, span, size_bytes, is_write, no_log):
    """Serve a transfer by the memory controllers; in cycles of the array clock, as :func:`serve`."""
    clock = np.int64(np.ceil(request * dram[CLOCKS_PER_CYCLE]))
    done = transfer(p, s, scratch, clock, span[0], size_bytes, span[1], span[2], is_write, no_log)
    return max(request, np.int64(np.ceil(done / dram[CLOCKS_PER_CYCLE])))


@kernel
def run(tiles, dram, controllers, spans, halves):
    """Run the tiles.

    Args:
        tiles: ``(tiles, COLUMNS)``.
        dram: parameters of the DRAM model (:mod:`accel_sim.memory.dram_kernel`).
        controllers: parameters, state and room for a copy of the state of the cycle-level model; empty for another.
        spans: ``(tiles, 4, 3)`` address, bytes of a run and bytes between runs' beginnings of each transfer (weights,
            activations, other operands, stored), for the cycle-level model; empty for another.
        halves: 1 or 2 for the activation, weight and output SRAM.

    Returns ``(compute_end, vector_end, ready, store_end, fetch_times, dram_counts, order)``: cycles per tile;
    ``ready``: operands and output half are there; ``store_end`` is 0 where a tile stores nothing; ``fetch_times (tiles,
    4, 2)``: request and end of each transfer, 0 where there is none; ``dram_counts (stages, COUNTED)`` of the
    cycle-level model; ``order (transfers,)``: of each transfer that DRAM served, in that order, ``4·tile + kind``.
    """
    cycle_level = dram[MODEL] != BANDWIDTH
    p, s, scratch = pointer(controllers[0]), pointer(controllers[1]), pointer(controllers[2])
    count = tiles.shape[0]
    stages = tiles[count - 1, STAGE] + 1
    w_of, w_first = _generations(tiles[:, W_BYTES] > 0)
    a_of, a_first = _generations(tiles[:, A_BYTES] > 0)
    last_store = np.full(stages, -1, np.int64)
    stores = np.empty(count, np.int64)
    generation_of = np.empty(count, np.int64)
    n_stores = 0
    for i in range(count):
        generation_of[i] = n_stores
        if tiles[i, OUT_BYTES] > 0:
            stores[n_stores] = i
            last_store[tiles[i, STAGE]] = n_stores
            n_stores += 1
    compute_end = np.zeros(count, np.int64)
    vector_end = np.zeros(count, np.int64)
    fetched = np.zeros(count, np.int64)
    ready = np.zeros(count, np.int64)
    store_end = np.zeros(count, np.int64)
    state = np.zeros(2, np.float64)
    times = np.zeros((count, 4, 2), np.int64)
    dram_counts, counted = np.zeros((stages, COUNTED), np.int64), np.zeros(COUNTED, np.int64)

    order, served, no_log = np.empty(4 * count, np.int64), 0, np.zeros((0, 2), np.int64)
    computed, stored, fetch_tile, fetch_kind = 0, 0, 0, 0
    issued = np.int64(0)  # time of the last fetch's request: fetches are issued in order
    while stored < n_stores or computed < count:
        size = np.int64(0)
        while fetch_tile < count:
            size = tiles[fetch_tile, W_BYTES + fetch_kind]
            if size > 0:
                break
            fetch_kind += 1
            if fetch_kind == 3:
                fetch_kind = 0
                fetch_tile += 1
        while computed < fetch_tile:
            i = computed
            # Output half: the store of the generation that used it before must have ended.
            before = generation_of[i] - halves[2]
            if before >= stored:
                break
            free = store_end[stores[before]] if before >= 0 else 0
            ready[i] = max(fetched[i], free)
            previous = compute_end[i - 1] if i else np.int64(0)
            vector_before = vector_end[i - 1] if i else np.int64(0)
            if i and tiles[i, STAGE] != tiles[i - 1, STAGE]:
                previous = max(previous, vector_before)
            end = max(previous + tiles[i, BACK_TO_BACK], ready[i] + tiles[i, FROM_IDLE])
            start = end - tiles[i, BACK_TO_BACK]
            compute_end[i] = end
            vector_end[i] = max(end, max(start, vector_before) + tiles[i, VECTOR])
            computed += 1

        # The next fetch and the time of its request, if that is known already.
        fetch_at = _NEVER
        if fetch_tile < count:
            if fetch_kind == 0:
                free = _half_free(w_of[fetch_tile], w_first, halves[1], computed, compute_end)
            elif fetch_kind == 1:
                free = _half_free(a_of[fetch_tile], a_first, halves[0], computed, compute_end)
            else:
                before = generation_of[fetch_tile] - halves[2]
                free = 0 if before < 0 else (store_end[stores[before]] if before < stored else _UNKNOWN)
            dep = tiles[fetch_tile, W_DEP + fetch_kind]
            if dep >= 0 and last_store[dep] >= 0:
                if last_store[dep] >= stored:
                    free = _UNKNOWN
                elif free != _UNKNOWN:
                    free = max(free, store_end[stores[last_store[dep]]])
            if free != _UNKNOWN:
                fetch_at = max(issued, np.int64(free))
        store_at = _NEVER
        if stored < n_stores and stores[stored] < computed:
            store_at = vector_end[stores[stored]]

        if fetch_at <= store_at and fetch_at != _NEVER:
            if cycle_level:
                done = _serve_bursts(dram, p, s, scratch, fetch_at, spans[fetch_tile, fetch_kind], size, False, no_log)
                add_counts(p, s, dram_counts[tiles[fetch_tile, STAGE]], counted)
            else:
                done = serve(dram, state, fetch_at, size, False)
            times[fetch_tile, fetch_kind, 0], times[fetch_tile, fetch_kind, 1] = fetch_at, done
            fetched[fetch_tile] = max(fetched[fetch_tile], done)
            issued = fetch_at
            order[served] = 4 * fetch_tile + fetch_kind
            served += 1
            fetch_kind += 1
            if fetch_kind == 3:
                fetch_kind = 0
                fetch_tile += 1
        elif store_at != _NEVER:
            tile = stores[stored]
            size = tiles[tile, OUT_BYTES]
            if cycle_level:
                store_end[tile] = _serve_bursts(dram, p, s, scratch, store_at, spans[tile, 3], size, True, no_log)
                add_counts(p, s, dram_counts[tiles[tile, STAGE]], counted)
            else:
                store_end[tile] = serve(dram, state, store_at, size, True)
            times[tile, 3, 0], times[tile, 3, 1] = store_at, store_end[tile]
            order[served] = 4 * tile + 3
            served += 1
            stored += 1
        elif computed >= count:
            break
        else:
            raise RuntimeError("the time line cannot advance")
    if cycle_level and served:  # what the queues still hold
        finish(p, scratch, True)
        add_counts(p, scratch, dram_counts[stages - 1], counted)
    return compute_end, vector_end, ready, store_end, times, dram_counts, order[:served]
