"""Words that the waves of a fold read from the activation SRAM, element by element (``bank_conflicts: exact``).

What :mod:`accel_sim.array.banks` states, said again in the plainest way: the place of every element of a wave in the
feature map, the words that hold them, the bank of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import Hardware
from accel_sim.reference.folds import Fold
from accel_sim.workload import GemmLayer

__all__ = ["FoldWaves", "WaveReader"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FoldWaves:
    """What the activation SRAM does for one fold.

    Attributes:
        steps: ``(steps,)`` cycles in which its banks give what each step takes; 1 where the load takes all.
        load_row: cycles of the slowest row of its load.
        words: read in all.
    """

    steps: Ints
    load_row: int
    words: int


class WaveReader:
    """Reads the waves of one layer's folds.

    Args:
        copies: arrays that read as much in the same cycle.
    """

    def __init__(self, hardware: Hardware, layer: GemmLayer, copies: int) -> None:
        self._layer, self._copies = layer, copies
        self._sram, self._layout = hardware.buffers.activations, hardware.mapping.layout
        self._dataflow = hardware.array.dataflow

    def read(self, fold: Fold, group: int) -> FoldWaves:
        """All waves of ``fold``."""
        m, edge = self._layer.m, fold.tile.edge
        steps, load_row, words = np.ones(len(fold.steps), np.int64), 1, 0
        if self._dataflow == "is":
            for place in edge:
                cycles, read = self._wave(group, fold.cols, place[place >= 0])
                load_row, words = max(load_row, cycles), words + read
            return FoldWaves(steps, load_row, words)
        for i, step in enumerate(fold.steps):
            rows, columns = (fold.rows % m, edge[step]) if self._dataflow == "os" else (np.array([step % m]), edge)
            cycles, read = self._wave(group, rows, columns[columns >= 0])
            steps[i], words = max(1, cycles), words + read
        return FoldWaves(steps, load_row, words)

    def _wave(self, group: int, rows: Ints, columns: Ints) -> tuple[int, int]:
        """Cycles and words of the elements ``rows × columns`` of a group's im2col matrix."""
        elements = self._elements(group, np.repeat(rows, len(columns)), np.tile(columns, len(rows)))
        word_bits, banks, bits = self._sram.word_bits, self._sram.banks, self._layer.a_bits
        if self._layout == "tiled":
            words = np.arange(-(-len(elements) * bits // word_bits))
        elif bits <= word_bits:
            words = np.unique(elements // (word_bits // bits))
        else:
            each = -(-bits // word_bits)
            words = np.unique(elements[:, None] * each + np.arange(each))
        if self._layout == "tiled":  # of all arrays one behind another
            busiest = -(-self._copies * len(words) // banks)
        else:
            busiest = int(np.bincount(words % banks).max(initial=0)) + -(-(self._copies - 1) * len(words) // banks)
        ports = 2 if self._sram.ports == "2rw" else 1
        return -(-busiest // ports), len(words)

    def _elements(self, group: int, rows: Ints, columns: Ints) -> Ints:
        """Numbers in the feature map of what the im2col matrix holds there, padding left out."""
        layer, conv = self._layer, self._layer.conv
        first = self._layout == "channel_first"
        if conv is None:
            place, shape = ((group, columns, rows), (layer.k, layer.m)) if first else (
                (group, rows, columns), (layer.m, layer.k)
            )  # fmt: skip
            return np.ravel_multi_index(place, (layer.groups, *shape))
        image, pixel = rows // (conv.out_h * conv.out_w), rows % (conv.out_h * conv.out_w)
        tap, channel = columns // conv.in_channels, group * conv.in_channels + columns % conv.in_channels
        y = pixel // conv.out_w * conv.stride_h + tap // conv.kernel_w * conv.dilation_h - conv.pad_top
        x = pixel % conv.out_w * conv.stride_w + tap % conv.kernel_w * conv.dilation_w - conv.pad_left
        inside = (y >= 0) & (y < conv.in_h) & (x >= 0) & (x < conv.in_w)
        image, channel, y, x = image[inside], channel[inside], y[inside], x[inside]
        channels = layer.groups * conv.in_channels
        if first:
            return np.ravel_multi_index((image, channel, y, x), (conv.batch, channels, conv.in_h, conv.in_w))
        return np.ravel_multi_index((image, y, x, channel), (conv.batch, conv.in_h, conv.in_w, channels))
