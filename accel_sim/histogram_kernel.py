"""Kernels: how often each value occurs; values index the counts, negative ones from the end."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from accel_sim.jit import kernel

__all__ = ["count_image_values", "count_values"]


@kernel
def count_values(values, counts):
    """Add the occurrences in ``values`` (flat) to ``counts``."""
    for i in range(values.size):
        counts[values[i]] += 1


@kernel
def count_image_values(images, row_uses, column_uses, counts):
    """The same for ``images (maps, height, width)``, pixel (y, x) ``row_uses[y] · column_uses[x]`` times."""
    for i in range(images.shape[0]):
        for y in range(images.shape[1]):
            uses = row_uses[y]
            if uses:
                for x in range(images.shape[2]):
                    counts[images[i, y, x]] += uses * column_uses[x]
