"""Kernel: input elements of all tiles of a layer, for every pair of tile sizes along M and K.

They depend on the layer and the sizes alone, not on the machine, and so are worked out once for all machines whose
candidates are alike (:mod:`accel_sim.mapping.search`). The sum over the tiles is that of
:func:`accel_sim.memory.footprint_kernel.input_elements`, put together from fewer pieces: what a row range of the im2col
matrix touches is the same for all column ranges inside one kernel position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel
from accel_sim.memory.footprint_kernel import input_elements, touched_pixels

__all__ = ["footprints", "new_spans"]

_CONV_FIELDS = 14


@kernel
def _is_pointwise(conv):
    """Whether every output reads one pixel that is there: a 1×1 kernel without padding."""
    inside = (conv[6] - 1) * conv[8] < conv[1] and (conv[7] - 1) * conv[9] < conv[2]
    return conv[4] == 1 and conv[5] == 1 and conv[10] == 0 and conv[11] == 0 and inside


@kernel
def _of_span(conv, extent_m, tile_m, first, last, found):
    """Pixels that row tiles touch through positions ``first..last``: their sum, the most, the most per row.

    Through one position a tile touches no more pixels than it has rows.
    """
    total, largest, per_row = 0.0, 0.0, 0.0
    for m0 in range(0, extent_m, tile_m):
        m1 = min(extent_m, m0 + tile_m)
        pixels = touched_pixels(conv, m0, m1, first, last)
        if first == last:
            pixels = min(pixels, m1 - m0)
        total += pixels
        largest = max(largest, float(pixels))
        per_row = max(per_row, pixels / (m1 - m0))
    found[1], found[2] = largest, per_row
    found[0] = total  # the last: who sees it finds the others


@kernel
def _of_tiles(conv, extent_m, extent_k, tile_m, tile_k, spans):
    """Sum over all (m, k) tiles, and the largest tile."""
    channels, positions = conv[3], conv[4] * conv[5]
    total, largest = np.int64(0), np.int64(0)
    for k0 in range(0, extent_k, tile_k):
        k1 = min(extent_k, k0 + tile_k)
        first, last = k0 // channels, (k1 - 1) // channels
        span = spans[first * positions + last]
        if span[0] < 0:
            _of_span(conv, extent_m, tile_m, first, last, span)
        used = k1 - k0 if first == last else channels
        if span[2] * used <= k1 - k0:  # no row tile has fewer entries than what its pixels hold
            total += np.int64(span[0]) * used
            largest = max(largest, np.int64(span[1]) * used)
            continue
        for m0 in range(0, extent_m, tile_m):
            m1 = min(extent_m, m0 + tile_m)
            elements = min((m1 - m0) * (k1 - k0), touched_pixels(conv, m0, m1, first, last) * channels)
            total += elements
            largest = max(largest, elements)
    return total, largest


def new_spans(sizes_m: NDArray[np.int64], conv: NDArray[np.int64]) -> NDArray[np.float64]:
    """What :func:`footprints` finds out about a layer and its row tiles, to be handed to its next call: nothing yet."""
    positions = conv[4] * conv[5] if conv.size == _CONV_FIELDS else 0
    return np.full((sizes_m.size, positions * positions, 3), -1.0)


@kernel
def footprints(extent_m, extent_k, conv, sizes_m, sizes_k, most_tiles, spans):
    """Elements of one group's input over all tiles, of the largest tile and of the first, for each pair of sizes.

    Args:
        extent_m, extent_k: of the layer.
        conv: its geometry (:func:`accel_sim.memory.footprint_kernel.conv_vector`).
        sizes_m, sizes_k: of tiles.
        most_tiles: with more tiles than that the sum is left at 0, and the first tile stands for the largest.
        spans: of :func:`new_spans`, for this ``extent_m``, ``conv`` and ``sizes_m``; filled as it is needed.

    Returns ``(sums, most, first)``, all ``(sizes_m, sizes_k)``; the last: of the first tile.
    """
    first = np.zeros((sizes_m.size, sizes_k.size), np.int64)
    sums = np.zeros((sizes_m.size, sizes_k.size), np.int64)
    most = np.zeros((sizes_m.size, sizes_k.size), np.int64)
    for mi in range(sizes_m.size):
        tile_m = sizes_m[mi]
        for ki in range(sizes_k.size):
            tile_k = sizes_k[ki]
            first[mi, ki] = input_elements(conv, 0, tile_m, 0, tile_k)
            if -(-extent_m // tile_m) * -(-extent_k // tile_k) > most_tiles:
                most[mi, ki] = first[mi, ki]
            elif conv.size == 0 or _is_pointwise(conv):
                sums[mi, ki], most[mi, ki] = extent_m * extent_k, tile_m * tile_k
            else:
                sums[mi, ki], most[mi, ki] = _of_tiles(conv, extent_m, extent_k, tile_m, tile_k, spans[mi])
    return sums, most, first
