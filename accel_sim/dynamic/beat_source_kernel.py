"""Kernels: values to pieces by a table, in the order in which the array takes them; their sum."""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["look_up", "look_up_images", "look_up_transposed", "weighted_sum"]


@kernel
def look_up(values, table):
    """The table's entries of ``values (groups, steps, k)``; negative values count from its end."""
    groups, steps, depth = values.shape
    found = np.empty((groups, steps, depth), table.dtype)
    for g in range(groups):
        for t in range(steps):
            for k in range(depth):
                found[g, t, k] = table[values[g, t, k]]
    return found


@kernel
def look_up_transposed(values, table):
    """The entries of ``values (groups, k, steps)`` as ``(groups, steps, k)``."""
    groups, depth, steps = values.shape
    found = np.empty((groups, steps, depth), table.dtype)
    for g in range(groups):
        for k in range(depth):
            for t in range(steps):
                found[g, t, k] = table[values[g, k, t]]
    return found


@kernel
def look_up_images(images, table, height, width, top, left):
    """The entries of ``images (batch, channels, h, w)`` as ``(batch, height, width, channels)``, channels last.

    The image begins ``top`` rows and ``left`` columns from the corner; around it lie entries of 0.
    """
    batch, channels, in_h, in_w = images.shape
    found = np.empty((batch, height, width, channels), table.dtype)
    right = min(width, left + in_w)
    for b in range(batch):
        for y in range(height):
            row = found[b, y]
            if y < top or y >= top + in_h:
                row[:] = table[0]
                continue
            row[:left] = table[0]
            row[right:] = table[0]
            for c in range(channels):
                line = images[b, c, y - top]
                for x in range(left, right):
                    row[x, c] = table[line[x - left]]
    return found


@kernel
def weighted_sum(found, times_y, times_x):
    """Sum of ``found (batch, height, width, channels)``, each line and pixel so many times."""
    total = np.int64(0)
    for b in range(found.shape[0]):
        for y in range(found.shape[1]):
            for x in range(found.shape[2]):
                pixel = np.int64(0)
                for value in found[b, y, x]:
                    pixel += value
                total += pixel * times_y[y] * times_x[x]
    return total
