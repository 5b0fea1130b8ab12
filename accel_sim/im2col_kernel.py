"""Kernel: the im2col matrix of one group, K ordered (kernel row, kernel column, channel), channel fastest."""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["im2col"]


@kernel
def im2col(images, conv, group):
    """``(m, k)`` of ``images (batch, groups·channels, height, width)``; padding is 0. ``conv``: see ``conv_vector``."""
    batch, in_h, in_w, channels, kernel_h, kernel_w, out_h, out_w = conv[:8]
    stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w = conv[8:]
    matrix = np.zeros((batch * out_h * out_w, kernel_h * kernel_w * channels), images.dtype)
    first = group * channels
    row = 0
    for b in range(batch):
        for y in range(out_h):
            for x in range(out_w):
                for ky in range(kernel_h):
                    source_y = y * stride_h + ky * dilation_h - pad_top
                    if source_y < 0 or source_y >= in_h:
                        continue
                    for kx in range(kernel_w):
                        source_x = x * stride_w + kx * dilation_w - pad_left
                        if source_x < 0 or source_x >= in_w:
                            continue
                        k = (ky * kernel_w + kx) * channels
                        for c in range(channels):
                            matrix[row, k + c] = images[b, first + c, source_y, source_x]
                row += 1
    return matrix
