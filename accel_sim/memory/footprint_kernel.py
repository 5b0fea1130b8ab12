"""Kernel: how many input elements a tile of an im2col matrix really touches.

DRAM and the activation SRAM hold the feature map, not its im2col copy; the copy is made by addressing at the
array's edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel
from accel_sim.workload.layers import ConvGeometry

__all__ = ["conv_vector", "input_elements", "touched_pixels"]

_FIELDS = (
    "batch", "in_h", "in_w", "in_channels", "kernel_h", "kernel_w", "out_h", "out_w",
    "stride_h", "stride_w", "pad_top", "pad_left", "dilation_h", "dilation_w",
)  # fmt: skip


def conv_vector(conv: ConvGeometry | None) -> NDArray[np.int64]:
    """The geometry as the flat array that kernels take; empty for a plain product."""
    if conv is None:
        return np.zeros(0, np.int64)
    return np.array([getattr(conv, name) for name in _FIELDS], np.int64)


@kernel
def _span(out0, out1, tap0, tap1, stride, dilation, pad, size):
    """Input rows (or columns) that outputs ``out0..out1`` read through taps ``tap0..tap1``, padding left out."""
    if stride > (tap1 - tap0) * dilation + 1:  # what neighbouring outputs read is apart: count each
        apart = 0
        for out in range(out0, out1 + 1):
            low = max(0, out * stride + tap0 * dilation - pad)
            high = min(size - 1, out * stride + tap1 * dilation - pad)
            apart += max(0, min(high - low + 1, tap1 - tap0 + 1))
        return apart
    low = max(0, out0 * stride + tap0 * dilation - pad)
    high = min(size - 1, out1 * stride + tap1 * dilation - pad)
    return max(0, min(high - low + 1, (out1 - out0 + 1) * (tap1 - tap0 + 1)))


@kernel
def touched_pixels(conv, m0, m1, first, last):
    """Pixels that rows ``m0..m1-1`` of the im2col matrix touch through kernel positions ``first..last``."""
    in_h, in_w, kernel_w = conv[1], conv[2], conv[5]
    out_h, out_w = conv[6], conv[7]
    ky0, ky1 = first // kernel_w, last // kernel_w
    kx0, kx1 = (first % kernel_w, last % kernel_w) if ky0 == ky1 else (0, kernel_w - 1)
    pixels = 0
    image = out_h * out_w
    m = m0
    while m < m1:
        start = m % image
        stop = min(image, start + m1 - m)
        y0, y1 = start // out_w, (stop - 1) // out_w
        x0, x1 = (start % out_w, (stop - 1) % out_w) if y0 == y1 else (0, out_w - 1)
        full_images = 1
        if start == 0 and stop == image:
            full_images = (m1 - m) // image
        height = _span(y0, y1, ky0, ky1, conv[8], conv[12], conv[10], in_h)
        width = _span(x0, x1, kx0, kx1, conv[9], conv[13], conv[11], in_w)
        pixels += full_images * height * width
        m += full_images * (stop - start)
    return pixels


@kernel
def input_elements(conv, m0, m1, k0, k1):
    """Elements of one group's input that rows ``m0..m1-1`` and columns ``k0..k1-1`` of the im2col matrix touch.

    Exact up to the holes of a dilated kernel between neighbouring outputs, and counts all channels where the k range
    covers more than one kernel position. Never more than ``(m1-m0)·(k1-k0)``.
    """
    dense = (m1 - m0) * (k1 - k0)
    if conv.size == 0:
        return dense
    channels = conv[3]
    first, last = k0 // channels, (k1 - 1) // channels
    used_channels = k1 - k0 if first == last else channels
    return min(dense, touched_pixels(conv, m0, m1, first, last) * used_channels)
