"""Where tensors lie in DRAM, and so which addresses each transfer of a tile touches.

Tensors stand one behind another, each from a new page on; a layer reads its input where its producer stored it. Within
a tensor the layout decides (``mapping.layout``):

* ``channel_last``: activations ``(batch, y, x, channel)``, weights ``(n, k)``;
* ``channel_first``: activations ``(batch, channel, y, x)``, weights ``(k, n)``;
* ``tiled``: every tile by itself, contiguous.

A transfer is described by its first byte, the bytes of a contiguous run, and the bytes from one run's beginning to the
next's; the bytes in all are the tile's. Runs of a tile that is not aligned to rows of the feature map begin where its
first row does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.mapping.tiling import Tiling, tile_indices
from accel_sim.schedule import ArrayWork, Stage
from accel_sim.timeline import kernel
from accel_sim.workload import GemmLayer, VectorLayer

__all__ = ["StageRegions", "layer_spans", "lone_regions", "stage_regions", "vector_spans"]

Ints = NDArray[np.int64]
PAGE_BYTES = 4096


@dataclass(frozen=True)
class StageRegions:
    """First bytes of what a stage reads and writes: weights, activations, other operands, partial sums, its output."""

    weights: int
    activations: int
    extra: int
    partial_sums: int
    output: int


def stage_regions(stages: Sequence[Stage], tilings: Sequence[Tiling | None], acc_bits: int) -> list[StageRegions]:
    """Place the tensors of all stages."""
    place, outputs, regions = _Place(), list[int](), list[StageRegions]()
    for stage, tiling in zip(stages, tilings, strict=True):
        head = stage.layers[0]
        source = outputs[stage.input_stages[-1]] if stage.input_stages else place.take(_input_bytes(head))
        weights = partial_sums = 0
        if isinstance(head, GemmLayer):
            weights = outputs[stage.weight_stages[-1]] if stage.weight_stages else place.take(_weight_bytes(head))
            if tiling is not None and tiling.tile_k < head.k:
                partial_sums = place.take(_partial_sum_bytes(head, acc_bits))
        extra = outputs[stage.extra_stages[-1]] if stage.extra_stages else source
        outputs.append(place.take(stage.stored_bytes))
        regions.append(StageRegions(weights, source, extra, partial_sums, outputs[-1]))
    return regions


def lone_regions(work: ArrayWork, tiling: Tiling, acc_bits: int) -> StageRegions:
    """Place the tensors of one layer that is alone in memory."""
    place, layer = _Place(), work.layer
    source = place.take(_input_bytes(layer))
    weights = place.take(_weight_bytes(layer))
    partial_sums = place.take(_partial_sum_bytes(layer, acc_bits)) if tiling.tile_k < layer.k else 0
    extra = place.take(work.extra_bytes) if work.extra_bytes else source
    return StageRegions(weights, source, extra, partial_sums, place.take(work.stored_bytes))


class _Place:
    """Gives out whole pages, one behind another."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, size_bytes: int) -> int:
        start = self._next
        self._next += -(-max(1, size_bytes) // PAGE_BYTES) * PAGE_BYTES
        return start


def _input_bytes(head: GemmLayer | VectorLayer) -> int:
    if isinstance(head, VectorLayer):
        return -(-sum(head.input_elements) * head.bits // 8)
    conv = head.conv
    elements = (
        head.groups * head.m * head.k
        if conv is None
        else conv.batch * head.groups * conv.in_channels * conv.in_h * conv.in_w
    )
    return -(-elements * head.a_bits // 8)


def _weight_bytes(layer: GemmLayer) -> int:
    return -(-layer.groups * layer.k * layer.n * layer.w_bits // 8)


def _partial_sum_bytes(layer: GemmLayer, acc_bits: int) -> int:
    return -(-layer.output_elements * acc_bits // 8)


def vector_spans(tiles: Ints, regions: StageRegions) -> Ints:
    """Of a vector layer that runs alone: it streams from one tensor to another."""
    spans = np.zeros((len(tiles), 4, 3), np.int64)
    for place, column, start in ((1, kernel.A_BYTES, regions.activations), (3, kernel.OUT_BYTES, regions.output)):
        spans[:, place] = _contiguous(start + _before(tiles[:, column]), tiles[:, column])
    return spans


def layer_spans(layer: GemmLayer, tiling: Tiling, tiles: Ints, regions: StageRegions, layout: str) -> Ints:
    """``(tiles, 4, 3)``: of every tile the transfers of weights, activations, other operands, and what it stores."""
    at = _Places.of(layer, tiling)
    spans = np.zeros((len(tiles), 4, 3), np.int64)
    spans[:, 0] = _weights(layer, at, tiles[:, kernel.W_BYTES], regions.weights, layout)
    spans[:, 1] = _activations(layer, at, tiles[:, kernel.A_BYTES], regions.activations, layout)
    finished = at.k_stop == layer.k
    sums = _contiguous(
        regions.partial_sums + at.output_tile * _most(tiles[:, kernel.OUT_BYTES]), tiles[:, kernel.P_BYTES]
    )
    extra = _contiguous(
        regions.extra + _before(np.where(finished, tiles[:, kernel.P_BYTES], 0)), tiles[:, kernel.P_BYTES]
    )
    spans[:, 2] = np.where((at.k > 0)[:, None], sums, extra)
    spill = _contiguous(sums[:, 0], tiles[:, kernel.OUT_BYTES])
    spans[:, 3] = np.where(
        finished[:, None], _outputs(layer, at, tiles[:, kernel.OUT_BYTES], regions.output, layout), spill
    )
    return spans


@dataclass(frozen=True)
class _Places:
    """Of every tile its first group, m, n and k, one past its last, and how many groups it has; and the place of its
    outputs' tile.
    """

    groups: Ints
    group_count: Ints
    m: Ints
    m_stop: Ints
    n: Ints
    n_stop: Ints
    k: Ints
    k_stop: Ints
    weight_tile: Ints
    activation_tile: Ints
    output_tile: Ints

    @staticmethod
    def of(layer: GemmLayer, tiling: Tiling) -> _Places:
        extents = {"m": (layer.m, tiling.tile_m), "n": (layer.n, tiling.tile_n), "k": (layer.k, tiling.tile_k)}
        counts = {name: -(-extent // size) for name, (extent, size) in extents.items()}
        index = tile_indices(layer, tiling)
        ranges: dict[str, Ints] = {}
        for name, (extent, size) in extents.items():
            ranges[name] = index[name] * size
            ranges[f"{name}_stop"] = np.minimum(extent, ranges[name] + size)
        return _Places(
            groups=index["g"] * tiling.tile_g,
            group_count=np.minimum(tiling.tile_g, layer.groups - index["g"] * tiling.tile_g),
            **ranges,
            weight_tile=(index["g"] * counts["n"] + index["n"]) * counts["k"] + index["k"],
            activation_tile=(index["g"] * counts["m"] + index["m"]) * counts["k"] + index["k"],
            output_tile=(index["g"] * counts["m"] + index["m"]) * counts["n"] + index["n"],
        )


def _weights(layer: GemmLayer, at: _Places, sizes: Ints, start: int, layout: str) -> Ints:
    if layout == "tiled":
        return _contiguous(start + at.weight_tile * _most(sizes), sizes)
    if layout == "channel_first":
        first, run, stride = (at.groups * layer.k + at.k) * layer.n + at.n, at.n_stop - at.n, layer.n
    else:
        first, run, stride = (at.groups * layer.n + at.n) * layer.k + at.k, at.k_stop - at.k, layer.k
    # Several groups in a tile are whole, and lie one behind another.
    return _runs(start, first, np.where(at.group_count > 1, stride, run), stride, layer.w_bits, sizes)


def _activations(layer: GemmLayer, at: _Places, sizes: Ints, start: int, layout: str) -> Ints:
    if layout == "tiled":
        return _contiguous(start + at.activation_tile * _most(sizes), sizes)
    if layer.conv is None:
        if layout == "channel_first":
            first, run, stride = (at.groups * layer.k + at.k) * layer.m + at.m, at.m_stop - at.m, layer.m
        else:
            first, run, stride = (at.groups * layer.m + at.m) * layer.k + at.k, at.k_stop - at.k, layer.k
        return _runs(start, first, np.where(at.group_count > 1, stride, run), stride, layer.a_bits, sizes)
    conv, channels = layer.conv, layer.groups * layer.conv.in_channels
    image, y, x = _first_pixel(layer, at)
    kernel_position, channel = at.k // conv.in_channels, at.k % conv.in_channels
    last_position = (at.k_stop - 1) // conv.in_channels
    one_position = kernel_position == last_position
    used = np.where(one_position, at.k_stop - at.k, conv.in_channels) * at.group_count  # groups are neighbours
    channel = at.groups * conv.in_channels + np.where(one_position, channel, 0)
    if layout == "channel_first":
        first = ((image * channels + channel) * conv.in_h + y) * conv.in_w + x
        in_each = -(-sizes * 8 // (layer.a_bits * np.maximum(1, used)))
        return _runs(start, first, in_each, conv.in_h * conv.in_w, layer.a_bits, sizes)
    first = ((image * conv.in_h + y) * conv.in_w + x) * channels + channel
    return _runs(start, first, used, channels, layer.a_bits, sizes)


def _first_pixel(layer: GemmLayer, at: _Places) -> tuple[Ints, Ints, Ints]:
    """Image, row and column of the first input element of each tile."""
    conv = layer.conv
    assert conv is not None  # asked for convolutions alone
    pixels = conv.out_h * conv.out_w
    position = at.k // conv.in_channels
    out_y, out_x = at.m % pixels // conv.out_w, at.m % conv.out_w
    y = out_y * conv.stride_h + position // conv.kernel_w * conv.dilation_h - conv.pad_top
    x = out_x * conv.stride_w + position % conv.kernel_w * conv.dilation_w - conv.pad_left
    return at.m // pixels, np.clip(y, 0, conv.in_h - 1), np.clip(x, 0, conv.in_w - 1)


def _outputs(layer: GemmLayer, at: _Places, sizes: Ints, start: int, layout: str) -> Ints:
    """A convolution's output is a feature map, ``m`` its images and pixels; that of a plain product has one image."""
    if layout == "tiled":
        return _contiguous(start + at.output_tile * _most(sizes), sizes)
    pixels = layer.m if layer.conv is None else layer.conv.out_h * layer.conv.out_w
    channels, channel = layer.groups * layer.n, at.groups * layer.n + at.n
    stored = (at.n_stop - at.n) * at.group_count
    if layout == "channel_last":
        return _runs(start, at.m * channels + channel, stored, channels, layer.stored_bits, sizes)
    image, pixel = at.m // pixels, at.m % pixels
    first = (image * channels + channel) * pixels + pixel
    whole_images = at.m_stop - at.m > pixels - pixel
    run = np.where(whole_images, stored * pixels, at.m_stop - at.m)
    stride = np.where(whole_images, channels * pixels, pixels)
    return _runs(start, first, run, stride, layer.stored_bits, sizes)


def _runs(start: int, first: Ints, run: Ints, stride: Ints | int, bits: int, sizes: Ints) -> Ints:
    """From elements to bytes; runs that touch each other are one."""
    strides = np.broadcast_to(stride, run.shape)
    whole = run >= strides
    run_bytes, stride_bytes = np.maximum(1, run * bits // 8), np.maximum(1, strides * bits // 8)
    base = start + first * bits // 8
    return np.stack([base, np.where(whole, sizes, run_bytes), np.where(whole, sizes, stride_bytes)], axis=1)


def _contiguous(starts: Ints, sizes: Ints) -> Ints:
    return np.stack([starts, sizes, sizes], axis=1)


def _before(sizes: Ints) -> Ints:
    """Bytes of all transfers before each."""
    return np.asarray(np.cumsum(sizes) - sizes)


def _most(sizes: Ints) -> int:
    return int(sizes.max(initial=0))
