"""Real addresses of the activations that cross the array's edge: how long the banks of the activation SRAM take.

``buffers.bank_conflicts: exact`` takes the largest bank load of a wave's words in place of an even share. A wave is
what one time step (ws, os) or one row of a load (is) reads. What the page leaves open and how it is decided here:

* The SRAM holds the feature map, not its im2col copy, as a window on the tensor: word ``w`` of the tensor, in the order
  of ``mapping.layout``, lies in bank ``w mod banks``. An element does not straddle words: a word holds
  ``floor(word_bits / a_bits)`` of them, or an element takes ``ceil(a_bits / word_bits)`` words of its own.
* Padding is not read, and a word that several PEs want in the same wave is read once.
* ``tiled`` is the order of the waves themselves: consecutive words, in all banks alike.
* Weights and partial sums lie in the order in which the array takes them; their waves are consecutive words, so the
  even share is exact.
* Arrays that read for themselves add up: the words of the others meet those of one array spread over all banks.
* The rows of a load (is) follow one another as fast as the slowest of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.ports import Sharing
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["BankWalk", "ElementWalk", "bank_walk", "element_walk"]

Ints = NDArray[np.int64]


class BankWalk(NamedTuple):
    """Where the im2col matrix's elements lie, as kernels take it.

    The element of row ``m`` and column ``k`` of group ``g`` is number ``group_stride·g + row_at[m] + column_at[k]`` of
    the tensor if ``row_y[m] + column_y[k]`` and ``row_x[m] + column_x[k]`` lie within ``height`` and ``width``; else it
    is padding.

    Attributes:
        per_word, words_each: elements of a word, words of an element; one of them is 1.
        a_bits, word_bits: widths of both.
        banks, ports: words that the SRAM gives in a cycle: ``ports`` of every bank.
        copies: arrays that read the same number of words besides.
        in_order: whether waves are consecutive words (``tiled``).
        seen: scratch, a number per word of the tensor, and the last one given out.
    """

    row_at: Ints
    row_y: Ints
    row_x: Ints
    column_at: Ints
    column_y: Ints
    column_x: Ints
    group_stride: int
    height: int
    width: int
    per_word: int
    words_each: int
    a_bits: int
    word_bits: int
    banks: int
    ports: int
    copies: int
    in_order: bool
    seen: Ints


def bank_walk(hardware: Hardware, layer: GemmLayer, sharing: Sharing) -> BankWalk | None:
    """The walk of a layer, or ``None`` where the banks' loads are not looked at (``even``, unlimited ports)."""
    buffers = hardware.buffers
    if buffers.bank_conflicts != "exact" or buffers.unlimited_ports:
        return None
    sram = buffers.activations
    channel_first = hardware.mapping.layout == "channel_first"
    rows, columns, group_stride, height, width = element_walk(layer, channel_first=channel_first)
    per_word, words_each = max(1, sram.word_bits // layer.a_bits), -(-layer.a_bits // sram.word_bits)
    in_order = hardware.mapping.layout == "tiled"
    words = 0 if in_order else -(-_elements(layer) // per_word) * words_each
    return BankWalk(
        *rows,
        *columns,
        group_stride=group_stride,
        height=height,
        width=width,
        per_word=per_word,
        words_each=words_each,
        a_bits=layer.a_bits,
        word_bits=sram.word_bits,
        banks=sram.banks,
        ports=2 if sram.ports == "2rw" else 1,
        copies=sharing.activations,
        in_order=in_order,
        seen=np.zeros(words + 1, np.int64),
    )


def _elements(layer: GemmLayer) -> int:
    conv = layer.conv
    if conv is None:
        return layer.groups * layer.m * layer.k
    return conv.batch * layer.groups * conv.in_channels * conv.in_h * conv.in_w


ElementWalk = tuple[tuple[Ints, Ints, Ints], tuple[Ints, Ints, Ints], int, int, int]


def element_walk(layer: GemmLayer, *, channel_first: bool) -> ElementWalk:
    """Numbers of a layer's input elements: the first nine fields of :class:`BankWalk`, those of rows and of columns
    together.
    """
    if layer.conv is None:
        return _product(layer, channel_first=channel_first)
    return _convolution(layer, channel_first=channel_first)


def _product(layer: GemmLayer, *, channel_first: bool) -> ElementWalk:
    """A plain product: one pixel per row, a channel per column."""
    m, k = np.arange(layer.m), np.arange(layer.k)
    row_at, column_at = (m, k * layer.m) if channel_first else (m * layer.k, k)
    nowhere_m, nowhere_k = np.zeros_like(m), np.zeros_like(k)
    return (row_at, nowhere_m, nowhere_m), (column_at, nowhere_k, nowhere_k), layer.m * layer.k, 1, 1


def _convolution(layer: GemmLayer, *, channel_first: bool) -> ElementWalk:
    conv = layer.conv
    assert conv is not None  # asked for convolutions alone
    channels = layer.groups * conv.in_channels
    image, out_y, out_x = np.unravel_index(np.arange(layer.m), (conv.batch, conv.out_h, conv.out_w))
    tap_y, tap_x, channel = np.unravel_index(np.arange(layer.k), (conv.kernel_h, conv.kernel_w, conv.in_channels))
    y, x = out_y * conv.stride_h - conv.pad_top, out_x * conv.stride_w - conv.pad_left
    down, right = tap_y * conv.dilation_h, tap_x * conv.dilation_w
    if channel_first:
        plane = conv.in_h * conv.in_w
        row_at = image * channels * plane + y * conv.in_w + x
        column_at, group_stride = channel * plane + down * conv.in_w + right, conv.in_channels * plane
    else:
        row_at = ((image * conv.in_h + y) * conv.in_w + x) * channels
        column_at, group_stride = (down * conv.in_w + right) * channels + channel, conv.in_channels
    return (row_at, y, x), (column_at, down, right), group_stride, conv.in_h, conv.in_w
