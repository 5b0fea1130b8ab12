"""Kernel: input elements of all tiles of a layer, for every pair of tile sizes along M and K.

They depend on the layer and the sizes alone, not on the machine, and so are worked out once for all machines whose
candidates are alike (:mod:`accel_sim.mapping.search`). The sum over the tiles is that of
:func:`accel_sim.memory.footprint_kernel.input_elements`, put together from fewer pieces: what a row range of the im2col
matrix touches is the same for all column ranges inside one kernel position.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel
from accel_sim.memory.footprint_kernel import input_elements, touched_pixels

__all__ = ["footprints"]

_CONV_FIELDS = 14


@kernel
def _is_pointwise(conv):
    """Whether every output reads one pixel that is there: a 1×1 kernel without padding."""
    inside = (conv[6] - 1) * conv[8] < conv[1] and (conv[7] - 1) * conv[9] < conv[2]
    return conv[4] == 1 and conv[5] == 1 and conv[10] == 0 and conv[11] == 0 and inside


@kernel
def _of_positions(conv, extent_m, tile_m, sums, most):
    """Per kernel position, over all row tiles: the sum and the largest of the elements of one channel."""
    for position in range(sums.size):
        sums[position], most[position] = 0, 0
        for m0 in range(0, extent_m, tile_m):
            m1 = min(extent_m, m0 + tile_m)
            elements = min(m1 - m0, touched_pixels(conv, m0, m1, position, position))
            sums[position] += elements
            most[position] = max(most[position], elements)


@kernel
def _of_tiles(conv, extent_m, extent_k, tile_m, tile_k, sums, most):
    """Sum over all (m, k) tiles, and the largest tile; ``sums`` and ``most`` are those of each kernel position."""
    channels = conv[3]
    total, largest = np.int64(0), np.int64(0)
    for k0 in range(0, extent_k, tile_k):
        k1 = min(extent_k, k0 + tile_k)
        first, last = k0 // channels, (k1 - 1) // channels
        if first == last:
            total += sums[first] * (k1 - k0)
            largest = max(largest, most[first] * (k1 - k0))
            continue
        for m0 in range(0, extent_m, tile_m):
            m1 = min(extent_m, m0 + tile_m)
            elements = min((m1 - m0) * (k1 - k0), touched_pixels(conv, m0, m1, first, last) * channels)
            total += elements
            largest = max(largest, elements)
    return total, largest


@kernel
def footprints(extent_m, extent_k, conv, sizes_m, sizes_k, most_tiles):
    """Elements of one group's input over all tiles, and of the largest tile, for each pair of sizes.

    Args:
        extent_m, extent_k: of the layer.
        conv: its geometry (:func:`accel_sim.memory.footprint_kernel.conv_vector`).
        sizes_m, sizes_k: of tiles.
        most_tiles: with more tiles than that the sum is left at 0, and the first tile stands for the largest.

    Returns ``(sums, most)``, both ``(sizes_m, sizes_k)``.
    """
    sums = np.zeros((sizes_m.size, sizes_k.size), np.int64)
    most = np.zeros((sizes_m.size, sizes_k.size), np.int64)
    positions = conv[4] * conv[5] if conv.size == _CONV_FIELDS else 0
    position_sums, position_most = np.zeros(positions, np.int64), np.zeros(positions, np.int64)
    for mi in range(sizes_m.size):
        tile_m = sizes_m[mi]
        ready = False
        for ki in range(sizes_k.size):
            tile_k = sizes_k[ki]
            if -(-extent_m // tile_m) * -(-extent_k // tile_k) > most_tiles:
                most[mi, ki] = input_elements(conv, 0, tile_m, 0, tile_k)
            elif conv.size == 0 or _is_pointwise(conv):
                sums[mi, ki], most[mi, ki] = extent_m * extent_k, tile_m * tile_k
            else:
                if not ready:
                    _of_positions(conv, extent_m, tile_m, position_sums, position_most)
                    ready = True
                sums[mi, ki], most[mi, ki] = _of_tiles(
                    conv, extent_m, extent_k, tile_m, tile_k, position_sums, position_most
                )
    return sums, most
