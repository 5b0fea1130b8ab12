"""Kernel: terms under bi-directional bit sparsity (Chen et al., BBS, MICRO 2024), which skips what most lanes share.

A column is one bit position of the weights that a PE's lanes take in a step, in two's complement as wide as the widest
of them. The PE adds the activations of a column's minority to what all activations together give with the bits of the
majority; so a lane has a term where its bit differs from that of most lanes (at a tie: where it is one), and a column
in which all lanes agree, zeros or ones, has none. Lanes of padding do not vote.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["minority_terms"]


@kernel
def minority_terms(weights, lanes, tile_k):
    """Columns in which each of ``weights (k, n)`` is in the minority, as masks.

    ``lanes`` consecutive k vote together; they begin anew every ``tile_k``.

    >>> minority_terms(np.array([[3], [3], [2], [-1]]), 4, 4)[:, 0].tolist()  # 011 011 010 111; most: 011
    [0, 0, 1, 4]
    """
    depth, columns = weights.shape
    masks = np.zeros((depth, columns), np.uint32)
    for tile in range(0, depth, tile_k):
        end = min(depth, tile + tile_k)
        for first in range(tile, end, lanes):
            last = min(end, first + lanes)
            for c in range(columns):
                differ_from_sign = np.int64(0)
                for k in range(first, last):
                    value = np.int64(weights[k, c])
                    differ_from_sign |= value if value >= 0 else ~value
                bit = 0
                while True:  # the column above all bits that differ from the sign is the sign's
                    ones = 0
                    for k in range(first, last):
                        ones += (np.int64(weights[k, c]) >> bit) & 1
                    most = np.int64(2 * ones > last - first)
                    for k in range(first, last):
                        if (np.int64(weights[k, c]) >> bit) & 1 != most:
                            masks[k, c] |= np.uint32(1) << np.uint32(bit)
                    if differ_from_sign >> bit == 0:
                        break
                    bit += 1
    return masks
