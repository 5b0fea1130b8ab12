"""Kernel: the im2col matrix of one group, K ordered (kernel row, kernel column, channel), channel fastest."""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["im2col"]


@kernel
def im2col(images, conv, padding):
    """``(m, k)`` of ``images (batch, height, width, channels)``, one group; what lies outside an image is ``padding``.

    ``conv``: see :func:`accel_sim.memory.footprint_kernel.conv_vector`.
    """
    batch, in_h, in_w, channels, kernel_h, kernel_w, out_h, out_w = conv[:8]
    stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w = conv[8:]
    matrix = np.empty((batch * out_h * out_w, kernel_h * kernel_w * channels), images.dtype)
    row = 0
    for b in range(batch):
        for y in range(out_h):
            for x in range(out_w):
                k = 0
                for ky in range(kernel_h):
                    source_y = y * stride_h + ky * dilation_h - pad_top
                    for kx in range(kernel_w):
                        source_x = x * stride_w + kx * dilation_w - pad_left
                        if 0 <= source_y < in_h and 0 <= source_x < in_w:
                            for c in range(channels):
                                matrix[row, k + c] = images[b, source_y, source_x, c]
                        else:
                            matrix[row, k : k + channels] = padding
                        k += channels
                row += 1
    return matrix
