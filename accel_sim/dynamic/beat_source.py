"""Beats of a layer's moving operand, addressed the way an im2col matrix is: the copy itself is never made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.dynamic.beat_source_kernel import look_up, look_up_images, look_up_transposed
from accel_sim.operands import LayerOperands
from accel_sim.workload import GemmLayer
from accel_sim.workload.layers import ConvGeometry

__all__ = ["BeatSource", "beat_source"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BeatSource:
    """The beat of ``k`` in step ``t`` of group ``g`` is ``beats[group_offset[g] + step_offset[t] + k_offset[k]]``.

    Offsets of k ascend.
    """

    beats: NDArray[np.uint8]
    group_offset: Ints
    step_offset: Ints
    k_offset: Ints


def beat_source(
    layer: GemmLayer, operands: LayerOperands, table: NDArray[np.uint8], *, weights_move: bool
) -> BeatSource:
    """Look up the beats of the operand that moves: activations (ws) or weights (is); ``table``: beat of every value."""
    groups, m, n, k = layer.groups, layer.m, layer.n, layer.k
    if weights_move:
        beats = look_up_transposed(operands.stored_weights, table)
        return BeatSource(beats.reshape(-1), np.arange(groups) * n * k, np.arange(n) * k, np.arange(k))
    if layer.conv is None:
        beats = look_up(operands.stored_activations, table)
        return BeatSource(beats.reshape(-1), np.arange(groups) * m * k, np.arange(m) * k, np.arange(k))
    return _from_images(layer.conv, groups, operands.stored_activations, table)


def _from_images(conv: ConvGeometry, groups: int, images: NDArray[np.integer], table: NDArray[np.uint8]) -> BeatSource:
    height = (conv.out_h - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h + 1
    width = (conv.out_w - 1) * conv.stride_w + (conv.kernel_w - 1) * conv.dilation_w + 1
    beats = look_up_images(images, table, height, width, conv.pad_top, conv.pad_left)
    channels = images.shape[1]
    steps = _grid(conv.batch, height, conv.out_h, conv.stride_h, width, conv.out_w, conv.stride_w)
    taps = _grid(1, height, conv.kernel_h, conv.dilation_h, width, conv.kernel_w, conv.dilation_w)
    per_tap = np.arange(conv.in_channels)
    return BeatSource(
        beats.reshape(-1),
        np.arange(groups) * conv.in_channels,
        steps * channels,
        (taps[:, None] * channels + per_tap).reshape(-1),
    )


def _grid(images: int, height: int, rows: int, row_step: int, width: int, cols: int, col_step: int) -> Ints:
    """Positions of ``rows × cols`` pixels at these distances in maps of ``height × width``."""
    y = np.arange(images)[:, None] * height + np.arange(rows) * row_step
    return (y.reshape(-1, 1) * width + np.arange(cols) * col_step).reshape(-1)
