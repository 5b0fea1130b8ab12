"""Numbers of elements in their tensors, in the order of ``mapping.layout``; ``tiled`` counts as ``channel_last`` does.

======================= ============================= =============================
layout                  ``channel_last``, ``tiled``   ``channel_first``
======================= ============================= =============================
activations, outputs    (batch, y, x, channel)        (batch, channel, y, x)
activations, a product  (group, m, k)                 (group, k, m)
outputs, a product      (m, group, n)                 (group, n, m)
weights                 (group, n, k)                 (group, k, n)
======================= ============================= =============================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.banks import element_walk
from accel_sim.workload import GemmLayer

__all__ = ["PADDING", "Elements", "layer_elements"]

Ints = NDArray[np.int64]

PADDING = -1
"""In place of the number of an element of a convolution's padding, which no SRAM holds."""


@dataclass(frozen=True, eq=False)
class Elements:
    """Of one layer; see :class:`accel_sim.array.banks.BankWalk` for the activations' fields."""

    layer: GemmLayer
    channel_first: bool
    row: tuple[Ints, Ints, Ints]
    column: tuple[Ints, Ints, Ints]
    group_stride: int
    height: int
    width: int

    def activations(self, group: int, m: Ints, k: Ints) -> Ints:
        """Of rows and columns of a group's im2col matrix, broadcast against each other; :data:`PADDING`."""
        (row_at, row_y, row_x), (column_at, column_y, column_x) = self.row, self.column
        at = group * self.group_stride + row_at[m] + column_at[k]
        y, x = row_y[m] + column_y[k], row_x[m] + column_x[k]
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        return np.where(inside, at, PADDING)

    def weights(self, group: int, k: Ints, n: Ints) -> Ints:
        """Of rows and columns of a group's weights."""
        layer = self.layer
        if self.channel_first:
            return (group * layer.k + k) * layer.n + n
        return (group * layer.n + n) * layer.k + k

    def outputs(self, group: int, m: Ints, n: Ints) -> Ints:
        """Of rows and columns of a group's product."""
        layer = self.layer
        channels, channel = layer.groups * layer.n, group * layer.n + n
        if not self.channel_first:
            return m * channels + channel
        pixels = layer.m if layer.conv is None else layer.conv.out_h * layer.conv.out_w
        return (m // pixels * channels + channel) * pixels + m % pixels


def layer_elements(layer: GemmLayer, layout: str) -> Elements:
    """The numbers of a layer's elements under a layout."""
    channel_first = layout == "channel_first"
    return Elements(layer, channel_first, *element_walk(layer, channel_first=channel_first))
