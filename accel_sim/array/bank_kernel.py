"""Kernels: words of each wave and the cycles in which the banks give them (:mod:`accel_sim.array.banks`)."""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["place_waves", "step_waves"]


@kernel
def _wave(walk, group_at, m0, m1, edge_k, first, last, loads):
    """Cycles and distinct words of rows ``m0 .. m1-1`` and columns ``edge_k[first:last]``; ``loads (banks,)`` is
    scratch.
    """
    seen = walk.seen
    number = seen[-1] + 1
    seen[-1] = number
    loads[:] = 0
    elements, words = 0, 0
    for m in range(m0, m1):
        at, y, x = group_at + walk.row_at[m], walk.row_y[m], walk.row_x[m]
        for e in range(first, last):
            k = edge_k[e]
            row, column = y + walk.column_y[k], x + walk.column_x[k]
            if row < 0 or row >= walk.height or column < 0 or column >= walk.width:
                continue
            elements += 1
            if walk.in_order:
                continue
            word = (at + walk.column_at[k]) // walk.per_word * walk.words_each
            for part in range(walk.words_each):
                if seen[word + part] != number:
                    seen[word + part] = number
                    loads[(word + part) % walk.banks] += 1
                    words += 1
    most = loads.max()
    others = (walk.copies - 1) * words
    if walk.in_order:
        words = -(-elements * walk.a_bits // walk.word_bits)
        most, others = np.int64(0), walk.copies * words
    most += -(-others // walk.banks)
    return -(-most // walk.ports), words


@kernel
def step_waves(walk, group, t0, t1, ptr, edge_k, rows):
    """ws: cycles and words ``(folds, steps)`` of time steps ``t0 .. t1-1`` of K folds of ``rows`` places each."""
    places = ptr.size - 1
    folds = -(-places // rows)
    cycles, words = np.empty((folds, t1 - t0), np.int32), np.empty((folds, t1 - t0), np.int32)
    loads = np.zeros(walk.banks, np.int64)
    for fold in range(folds):
        first, last = ptr[fold * rows], ptr[min(places, (fold + 1) * rows)]
        for t in range(t0, t1):
            cycles[fold, t - t0], words[fold, t - t0] = _wave(
                walk, group * walk.group_stride, t, t + 1, edge_k, first, last, loads
            )
    return cycles, words


@kernel
def place_waves(walk, group, m0, m1, ptr, edge_k):
    """os, and loads of is: cycles and words of every place for rows ``m0 .. m1-1`` of the im2col matrix."""
    places = ptr.size - 1
    cycles, words = np.empty(places, np.int64), np.empty(places, np.int64)
    loads = np.zeros(walk.banks, np.int64)
    for place in range(places):
        cycles[place], words[place] = _wave(
            walk, group * walk.group_stride, m0, m1, edge_k, ptr[place], ptr[place + 1], loads
        )
    return cycles, words
