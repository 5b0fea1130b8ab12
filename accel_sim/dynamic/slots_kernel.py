"""Kernel: which k are left of a column block, and how they share a PE's lanes (section 6).

A *slot* is one lane of one PE row (ws, is) or time step (os). Its edge carries the slot's candidates; in every
column the PE multiplies one of them. Slots come as a CSR list of candidates and ``chosen[slot, column]``.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["n_m_slots", "packed_slots", "skip_rows"]


@kernel
def skip_rows(weights):
    """The k whose weights are not zero in all columns of ``weights (k, c)``."""
    depth, cols = weights.shape
    kept = np.empty(depth, np.int64)
    count = 0
    for k in range(depth):
        for c in range(cols):
            if weights[k, c] != 0:
                kept[count] = k
                count += 1
                break
    return kept[:count]


@kernel
def _group_end(first, first_k, depth, of, segment):
    """Where the group that holds the range's k ``first`` ends."""
    k = first_k + first
    position = k % segment
    end = k - position + min(position - position % of + of, segment)
    return min(depth, end - first_k)


@kernel
def n_m_slots(weights, keep, of, segment, first_k):
    """Slots of N:M sparsity: ``min(keep, group)`` per group of ``of`` consecutive k; groups restart every ``segment``.

    ``weights (k, c)`` are those from the layer's ``first_k`` on: a group that begins before or ends behind is cut.

    A column's non-zero weights take the group's slots in the order of k; where it has fewer, its zeros fill up,
    lowest k first.
    """
    depth, cols = weights.shape
    groups = 0
    first = 0
    while first < depth:
        first = _group_end(first, first_k, depth, of, segment)
        groups += 1
    ptr = np.zeros(groups * keep + 1, np.int64)
    candidates = np.empty(groups * keep * of, np.int64)
    chosen = np.empty((groups * keep, cols), np.int64)
    zeros, taken = np.empty(cols, np.int64), np.empty(cols, np.int64)
    slots = 0
    last = 0
    while last < depth:
        first, last = last, _group_end(last, first_k, depth, of, segment)
        size = last - first
        take = min(keep, size)
        for i in range(take):
            begin = ptr[slots + i]
            for j in range(size):
                candidates[begin + j] = first + j
            ptr[slots + i + 1] = begin + size
        zeros[:] = take  # of each column that fill slots up
        taken[:] = 0
        for k in range(first, last):
            for c in range(cols):
                zeros[c] -= weights[k, c] != 0
        for k in range(first, last):
            for c in range(cols):
                nonzero = weights[k, c] != 0
                if taken[c] < take and (nonzero or zeros[c] > 0):
                    chosen[slots + taken[c], c] = k
                    taken[c] += 1
                    zeros[c] -= not nonzero
        slots += take
    return ptr[: slots + 1], candidates[: ptr[slots]], chosen[:slots]


@kernel
def packed_slots(weights, limit):
    """Column combining (Kung, McDanel, Zhang 2019) without pruning of conflicts: k densest first, ties by lower k,
    each into the first slot with room for it and no column in which both are non-zero.
    """
    depth, cols = weights.shape
    density = np.zeros(depth, np.int64)
    for k in range(depth):
        for c in range(cols):
            if weights[k, c] != 0:
                density[k] += 1
    order = np.argsort(-density, kind="mergesort")
    taken = np.zeros((depth, cols), np.bool_)
    members = np.empty((depth, limit), np.int64)
    sizes = np.zeros(depth, np.int64)
    slots = 0
    for k in order:
        place = -1
        for s in range(slots):
            if sizes[s] == limit:
                continue
            free = True
            for c in range(cols):
                if weights[k, c] != 0 and taken[s, c]:
                    free = False
                    break
            if free:
                place = s
                break
        if place < 0:
            place = slots
            slots += 1
        members[place, sizes[place]] = k
        sizes[place] += 1
        for c in range(cols):
            if weights[k, c] != 0:
                taken[place, c] = True
    ptr = np.zeros(slots + 1, np.int64)
    for s in range(slots):
        ptr[s + 1] = ptr[s] + sizes[s]
    candidates = np.empty(ptr[slots], np.int64)
    chosen = np.empty((slots, cols), np.int64)
    for s in range(slots):
        for i in range(sizes[s]):
            candidates[ptr[s] + i] = members[s, i]
        for c in range(cols):
            chosen[s, c] = members[s, 0]
            for i in range(sizes[s]):
                if weights[members[s, i], c] != 0:
                    chosen[s, c] = members[s, i]
                    break
    return ptr, candidates, chosen
