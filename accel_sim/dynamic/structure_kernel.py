"""Kernel: the places of a fold (PE rows of ws and is, time steps of os) with what beats and counts need of them.

Per entry of a place's edge: its k, how many lanes of all columns multiply it, how many of these have a non-zero
resting operand, the most pieces of those resting operands, and the pieces of all of them that do not gate. Per
place: slots, and the most pieces of its resting operands.
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
def from_singles(ks, cost, masks, first_col, cols, lanes, reach, gates):
    """Places of slots with one candidate each, the same in all columns ``first_col .. first_col + cols - 1``.

    ``cost (k, n)``: cost bytes of the resting operand; ``masks (k, n)``: its terms, read with a ``reach`` of 0 or
    more; ``gates``: whether its zeros gate. Returns ``(ptr, edge_k, edge_all, edge_nonzero, edge_pair, edge_work,
    other, slots)``.
    """
    count = ks.size
    places = -(-count // lanes)
    ptr = np.empty(places + 1, np.int64)
    edge_all = np.full(count, cols, np.int64)
    edge_nonzero = np.zeros(count, np.int64)
    edge_pair = np.zeros(count, np.int64)
    edge_work = np.zeros(count, np.int64)
    other = np.zeros(places, np.int64)
    slots = np.empty(places, np.int64)
    ptr[0] = 0
    for place in range(places):
        start, stop = place * lanes, min(count, (place + 1) * lanes)
        ptr[place + 1] = stop
        slots[place] = stop - start
        for i in range(start, stop):
            values = cost[ks[i], first_col : first_col + cols]
            nonzero, most, work = 0, 0, 0
            for value in values:
                pieces = np.int64(value & PIECES)
                nonzero += value >> 7
                most = max(most, pieces)
                work += pieces if not gates or value & NONZERO else 0
            edge_nonzero[i] = nonzero
            edge_pair[i] = most
            edge_work[i] = work
            other[place] = max(other[place], most)
        if reach >= 0:
            lane_masks = np.empty(lanes, np.uint32)  # the window takes at least as long as its fullest lane
            for c in range(first_col, first_col + cols):
                for i in range(start, stop):
                    lane_masks[i - start] = masks[ks[i], c]
                other[place] = max(other[place], window_cycles(lane_masks, stop - start, reach))
    return ptr, ks, edge_all, edge_nonzero, edge_pair, edge_work, other, slots


@kernel
def from_slots(slot_ptr, candidates, chosen, cost, masks, first_col, lanes, reach, gates):
    """The same for slots with several candidates, of which each column chooses one."""
    count, cols = chosen.shape
    places = -(-count // lanes)
    ptr = np.zeros(places + 1, np.int64)
    edge_k = np.empty(candidates.size, np.int64)
    edge_all = np.zeros(candidates.size, np.int64)
    edge_nonzero = np.zeros(candidates.size, np.int64)
    edge_pair = np.zeros(candidates.size, np.int64)
    edge_work = np.zeros(candidates.size, np.int64)
    other = np.zeros(places, np.int64)
    slots = np.empty(places, np.int64)
    lane_masks = np.empty(lanes, np.uint32)
    entry_of = np.full(cost.shape[0], -1, np.int64)
    used = 0
    for place in range(places):
        start, stop = place * lanes, min(count, (place + 1) * lanes)
        slots[place] = stop - start
        used = _join(edge_k, used, candidates[slot_ptr[start] : slot_ptr[stop]], entry_of)
        ptr[place + 1] = used
        for slot in range(start, stop):
            for c in range(cols):
                value = cost[chosen[slot, c], first_col + c]
                entry = entry_of[chosen[slot, c]]
                pieces = np.int64(value & PIECES)
                edge_all[entry] += 1
                edge_nonzero[entry] += value >> 7
                edge_pair[entry] = max(edge_pair[entry], pieces)
                edge_work[entry] += pieces if not gates or value & NONZERO else 0
        for entry in range(ptr[place], used):
            other[place] = max(other[place], edge_pair[entry])
        if reach >= 0:
            for c in range(cols):
                for slot in range(start, stop):
                    lane_masks[slot - start] = masks[chosen[slot, c], first_col + c]
                other[place] = max(other[place], window_cycles(lane_masks, stop - start, reach))
    edges = (edge_all[:used], edge_nonzero[:used], edge_pair[:used], edge_work[:used])
    return ptr, edge_k[:used], *edges, other, slots


@kernel
def _join(edge_k, first, candidates, entry_of):
    """Append a place's candidates to ``edge_k`` from ``first`` on, each once and in order; fills in ``entry_of`` each k
    and returns the end.
    """
    last = first
    for k in candidates:
        if entry_of[k] >= first:
            continue
        at = last
        while at > first and edge_k[at - 1] > k:
            edge_k[at] = edge_k[at - 1]
            at -= 1
        edge_k[at] = k
        entry_of[k] = first
        last += 1
    for entry in range(first, last):
        entry_of[edge_k[entry]] = entry
    return last
