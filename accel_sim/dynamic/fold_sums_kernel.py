"""Kernel of :mod:`accel_sim.dynamic.fold_sums`."""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["EDGE_WORDS", "LOAD_WORDS", "per_fold"]

EDGE_BITS, EDGE_WORDS, OPERAND_HOPS, PSUM_HOPS, PUSHES = range(5)
LOAD_BITS, LOAD_WORDS, LOAD_HOPS = range(3)


@kernel
def per_fold(
    ptr, slots, widths, reads, rows, used_edges, shadow, psum_bits, push_bits,
    moving_bits, hop_bits, moving_word, resting_bits, resting_word,
):  # fmt: skip
    """Costs of one step ``(5, folds)`` and of one load ``(3, folds)`` of every K fold, all blocks together.

    ``ptr``, ``slots``: edges and slots of the places. ``widths``: columns of the blocks. ``hop_bits``
    of each moving operand are clocked into a PE; ``psum_bits`` and ``push_bits`` move per PE and between lines.
    """
    places = slots.size
    folds = -(-places // rows)
    steps, loads = np.zeros((5, folds), np.int64), np.zeros((3, folds), np.int64)
    width = widths.sum()
    for fold in range(folds):
        lo, hi = fold * rows, min(places, (fold + 1) * rows)
        lines = hi - lo if used_edges else rows
        entries = ptr[hi] - ptr[lo]
        edge = entries * moving_bits
        steps[EDGE_BITS, fold] = edge * reads
        steps[EDGE_WORDS, fold] = -(-edge // moving_word) * reads
        steps[OPERAND_HOPS, fold] = entries * hop_bits * width
        steps[PSUM_HOPS, fold] = lines * width * psum_bits
        steps[PUSHES, fold] = (lines - 1) * width * push_bits
        for place in range(lo, hi):
            bits = slots[place] * resting_bits
            hops = rows - lines + place - lo + 1 + np.int64(shadow)  # from the top to the place's row, and its copy
            loads[LOAD_BITS, fold] += bits * width
            loads[LOAD_HOPS, fold] += hops * bits * width
            for block in widths:
                loads[LOAD_WORDS, fold] += -(-bits * block // resting_word)
    return steps, loads
