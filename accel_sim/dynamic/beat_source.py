"""Pieces of a layer's moving operand, addressed the way an im2col matrix is: the copy itself is never made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.dynamic.beat_source_kernel import look_up, look_up_images, look_up_transposed, weighted_sum
from accel_sim.operands import LayerOperands
from accel_sim.workload import GemmLayer
from accel_sim.workload.layers import ConvGeometry

__all__ = ["BeatSource", "beat_source"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BeatSource:
    """The pieces of ``k`` in step ``t`` of group ``g`` are ``pieces[group_offset[g] + step_offset[t] + k_offset[k]]``.

    Offsets of k ascend. ``total``: the pieces of all k, steps and groups.
    """

    pieces: NDArray[np.uint8]
    group_offset: Ints
    step_offset: Ints
    k_offset: Ints
    total: int


def beat_source(
    layer: GemmLayer, operands: LayerOperands, table: NDArray[np.uint8], *, weights_move: bool
) -> BeatSource:
    """Look up the pieces of the operand that moves: activations (ws) or weights (is).

    ``table``: the pieces of every value.
    """
    if weights_move:
        return _from_matrices(look_up_transposed(operands.stored_weights, table))
    if layer.conv is None:
        return _from_matrices(look_up(operands.stored_activations, table))
    return _from_images(layer.conv, layer.groups, operands.stored_activations, table)


def _from_matrices(pieces: NDArray[np.uint8]) -> BeatSource:
    groups, steps, k = pieces.shape
    offsets = (np.arange(groups) * steps * k, np.arange(steps) * k, np.arange(k))
    return BeatSource(pieces.reshape(-1), *offsets, int(pieces.sum()))


def _from_images(conv: ConvGeometry, groups: int, images: NDArray[np.integer], table: NDArray[np.uint8]) -> BeatSource:
    height = (conv.out_h - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h + 1
    width = (conv.out_w - 1) * conv.stride_w + (conv.kernel_w - 1) * conv.dilation_w + 1
    pieces = look_up_images(images, table, height, width, conv.pad_top, conv.pad_left)
    channels = images.shape[1]
    steps = _grid(conv.batch, height, conv.out_h, conv.stride_h, width, conv.out_w, conv.stride_w)
    taps = _grid(1, height, conv.kernel_h, conv.dilation_h, width, conv.kernel_w, conv.dilation_w)
    per_tap = np.arange(conv.in_channels)
    return BeatSource(
        pieces.reshape(-1),
        np.arange(groups) * conv.in_channels,
        steps * channels,
        (taps[:, None] * channels + per_tap).reshape(-1),
        int(
            weighted_sum(
                pieces,
                _times(conv.out_h, conv.stride_h, conv.kernel_h, conv.dilation_h, height),
                _times(conv.out_w, conv.stride_w, conv.kernel_w, conv.dilation_w, width),
            )
        ),
    )


def _times(outputs: int, stride: int, taps: int, dilation: int, size: int) -> Ints:
    """How many of the outputs along one dimension take each of its ``size`` pixels."""
    taken = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation
    return np.bincount(taken.reshape(-1), minlength=size)


def _grid(images: int, height: int, rows: int, row_step: int, width: int, cols: int, col_step: int) -> Ints:
    """Positions of ``rows × cols`` pixels at these distances in maps of ``height × width``."""
    y = np.arange(images)[:, None] * height + np.arange(rows) * row_step
    return (y.reshape(-1, 1) * width + np.arange(cols) * col_step).reshape(-1)
