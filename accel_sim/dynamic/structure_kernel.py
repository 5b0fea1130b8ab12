"""Kernel: the places of a fold (PE rows of ws and is, time steps of os) with what beats and counts need of them.

Per entry of a place's edge: its k, how many lanes of all columns multiply it, how many of these have a non-zero
resting operand, and the most pieces of those resting operands. Per place: slots, and the pieces of its resting
operands.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["from_singles", "from_slots", "window_cycles"]

NONZERO, PIECES = 0x80, 0x7F


@kernel
def window_cycles(masks, count, reach):
    """Cycles until the first ``count`` lanes of ``masks`` have retired their terms, where a lane retires its lowest
    remaining term only if that lies less than ``2**reach`` positions above the lowest of all (Pragmatic); ``masks``
    is used up.
    """
    cycles = 0
    span = 1 << reach
    while True:
        everything = np.uint32(0)
        for i in range(count):
            everything |= masks[i]
        if everything == 0:
            return cycles
        lowest = 0
        while not (everything >> np.uint32(lowest)) & np.uint32(1):
            lowest += 1
        top = lowest + span
        for i in range(count):
            if masks[i]:
                bit = masks[i] & (~masks[i] + np.uint32(1))
                if top > 31 or bit < (np.uint32(1) << np.uint32(top)):
                    masks[i] ^= bit
        cycles += 1


@kernel
def from_singles(ks, cost, masks, first_col, cols, lanes, reach):
    """Places of slots with one candidate each, the same in all columns ``first_col .. first_col + cols - 1``.

    ``cost (k, n)``: cost bytes of the resting operand; ``masks (k, n)``: its terms, read with a ``reach`` of 0 or
    more. Returns ``(ptr, edge_k, edge_all, edge_nonzero, edge_pair, other, slots)``.
    """
    count = ks.size
    places = -(-count // lanes)
    ptr = np.empty(places + 1, np.int64)
    edge_all = np.full(count, cols, np.int64)
    edge_nonzero = np.zeros(count, np.int64)
    edge_pair = np.zeros(count, np.int64)
    other = np.zeros(places, np.int64)
    slots = np.empty(places, np.int64)
    ptr[0] = 0
    for place in range(places):
        start, stop = place * lanes, min(count, (place + 1) * lanes)
        ptr[place + 1] = stop
        slots[place] = stop - start
        for i in range(start, stop):
            k = ks[i]
            nonzero, most = 0, 0
            for c in range(first_col, first_col + cols):
                value = cost[k, c]
                nonzero += value >> 7
                most = max(most, value & PIECES)
            edge_nonzero[i] = nonzero
            edge_pair[i] = most
            other[place] = max(other[place], most)
        if reach >= 0:
            lane_masks = np.empty(lanes, np.uint32)  # the window takes at least as long as its fullest lane
            for c in range(first_col, first_col + cols):
                for i in range(start, stop):
                    lane_masks[i - start] = masks[ks[i], c]
                other[place] = max(other[place], window_cycles(lane_masks, stop - start, reach))
    return ptr, ks, edge_all, edge_nonzero, edge_pair, other, slots


@kernel
def from_slots(slot_ptr, candidates, chosen, cost, masks, first_col, lanes, reach):
    """The same for slots with several candidates, of which each column chooses one."""
    count, cols = chosen.shape
    places = -(-count // lanes)
    ptr = np.zeros(places + 1, np.int64)
    edge_k = np.empty(candidates.size, np.int64)
    edge_all = np.zeros(candidates.size, np.int64)
    edge_nonzero = np.zeros(candidates.size, np.int64)
    edge_pair = np.zeros(candidates.size, np.int64)
    other = np.zeros(places, np.int64)
    slots = np.empty(places, np.int64)
    lane_masks = np.empty(lanes, np.uint32)
    used = 0
    for place in range(places):
        start, stop = place * lanes, min(count, (place + 1) * lanes)
        slots[place] = stop - start
        edge = np.unique(candidates[slot_ptr[start] : slot_ptr[stop]])
        for k in edge:
            edge_k[used] = k
            used += 1
        ptr[place + 1] = used
        for c in range(cols):
            for slot in range(start, stop):
                k = chosen[slot, c]
                value = cost[k, first_col + c]
                entry = ptr[place] + np.searchsorted(edge, k)
                edge_all[entry] += 1
                edge_nonzero[entry] += value >> 7
                edge_pair[entry] = max(edge_pair[entry], value & PIECES)
                other[place] = max(other[place], value & PIECES)
                if reach >= 0:
                    lane_masks[slot - start] = masks[k, first_col + c]
            if reach >= 0:
                other[place] = max(other[place], window_cycles(lane_masks, stop - start, reach))
    return ptr, edge_k[:used], edge_all[:used], edge_nonzero[:used], edge_pair[:used], other, slots
