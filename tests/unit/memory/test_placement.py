"""Addresses of tiles: each byte of a tensor belongs to one tile, whatever the layout and the tiling."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.hardware.load import load_hardware
from accel_sim.layer_run import Dependencies, lay_out
from accel_sim.machine import build_machine
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.memory.placement import StageRegions, layer_spans
from accel_sim.schedule import ArrayWork
from accel_sim.timeline import kernel
from accel_sim.workload import GemmLayer
from accel_sim.workload.layers import ConvGeometry

LAYOUTS = ("channel_last", "channel_first", "tiled")
REGIONS = StageRegions(weights=1 << 20, activations=2 << 20, extra=3 << 20, partial_sums=4 << 20, output=5 << 20)
COLUMNS = (kernel.W_BYTES, kernel.A_BYTES, kernel.P_BYTES, kernel.OUT_BYTES)


def touched(span: np.ndarray, size: int) -> list[int]:
    base, run, stride = (int(value) for value in span)
    return [base + offset // run * stride + offset % run for offset in range(size)]


def laid_out(layer: GemmLayer, tiling: Tiling, layout: str) -> tuple[np.ndarray, np.ndarray]:
    machine = build_machine(load_hardware("dense_int8_8x8"))
    work = ArrayWork(layer, layer.output_elements, 0, layer.output_elements)
    tiles = lay_out(machine, work, tiling, Dependencies()).tiles
    return tiles, layer_spans(layer, tiling, tiles, REGIONS, layout)


@settings(max_examples=80, deadline=None)
@given(
    *[st.integers(1, 9) for _ in range(4)],
    *[st.integers(1, 9) for _ in range(3)],
    st.sampled_from(LOOP_ORDERS),
    st.sampled_from(LAYOUTS),
)
def test_a_product_s_operands_and_results(
    groups: int, m: int, n: int, k: int, tile_m: int, tile_n: int, tile_k: int, order: str, layout: str
) -> None:
    layer = GemmLayer("gemm", "gemm", groups, m, n, k)
    tiling = Tiling(min(tile_m, m), min(tile_n, n), min(tile_k, k), 1, order)
    tiles, spans = laid_out(layer, tiling, layout)
    for place, size, region in ((0, groups * n * k, REGIONS.weights), (1, groups * m * k, REGIONS.activations)):
        seen = {
            byte for tile, span in zip(tiles, spans, strict=True) for byte in touched(span[place], tile[COLUMNS[place]])
        }
        assert len(seen) == size
        if layout != "tiled":
            assert seen == set(range(region, region + size))
    finished = [
        byte
        for tile, span in zip(tiles, spans, strict=True)
        for byte in touched(span[3], tile[kernel.OUT_BYTES])
        if byte >= REGIONS.output
    ]
    assert len(finished) == len(set(finished)) == groups * m * n
    if layout != "tiled":
        assert set(finished) == set(range(REGIONS.output, REGIONS.output + groups * m * n))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tile_g", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(5, 1, 4), (1, 3, 2), (4, 2, 1)])
def test_several_groups_in_a_tile(layout: str, tile_g: int, shape: tuple[int, int, int]) -> None:
    groups, (m, n, k) = 6, shape
    tiles, spans = laid_out(GemmLayer("gemm", "gemm", groups, m, n, k), Tiling(m, n, k, tile_g), layout)
    tensors = ((0, REGIONS.weights, n * k), (1, REGIONS.activations, m * k), (3, REGIONS.output, m * n))
    for place, region, size in tensors:
        moved = [b for tile, span in zip(tiles, spans, strict=True) for b in touched(span[place], tile[COLUMNS[place]])]
        assert sorted(moved) == list(range(region, region + groups * size))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tile_g", [1, 4, 8])
def test_channels_of_a_depthwise_tile_are_neighbours(layout: str, tile_g: int) -> None:
    conv = ConvGeometry(1, 7, 7, 1, 3, 3, 7, 7, pad_top=1, pad_left=1)
    tiles, spans = laid_out(GemmLayer("dw", "conv2d", 8, 49, 1, 9, conv=conv), Tiling(49, 1, 9, tile_g), layout)
    for place, region in ((1, REGIONS.activations), (3, REGIONS.output)):
        moved = [b for tile, span in zip(tiles, spans, strict=True) for b in touched(span[place], tile[COLUMNS[place]])]
        assert sorted(moved) == list(range(region, region + 49 * 8))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("tile_m", "tile_n"), [(64, 16), (32, 16), (128, 16), (64, 4), (128, 8)])
def test_what_is_stored_is_what_the_next_layer_reads(layout: str, tile_m: int, tile_n: int) -> None:
    """Two images of 8×8 pixels: the output of one layer, and the input of a pointwise one."""
    output = GemmLayer("p", "conv2d", 1, 128, 16, 8, conv=ConvGeometry(2, 8, 8, 8, 1, 1, 8, 8))
    reader = GemmLayer("q", "conv2d", 1, 128, 4, 16, conv=ConvGeometry(2, 8, 8, 16, 1, 1, 8, 8))
    tiles, spans = laid_out(output, Tiling(tile_m, tile_n, 8), layout)
    stored = [b for tile, span in zip(tiles, spans, strict=True) for b in touched(span[3], tile[kernel.OUT_BYTES])]
    assert sorted(stored) == list(range(REGIONS.output, REGIONS.output + 128 * 16))
    tiles, spans = laid_out(reader, Tiling(64, 4, 16), layout)
    for image, (tile, span) in enumerate(zip(tiles, spans, strict=True)):
        read = {b - REGIONS.activations for b in touched(span[1], tile[kernel.A_BYTES])}
        assert read == set(range(image * 64 * 16, (image + 1) * 64 * 16))
    if layout == "channel_first" and tile_m == 64:  # an image of some channels is one run of each of them
        first = {
            b - REGIONS.output for b in touched(laid_out(output, Tiling(64, tile_n, 8), layout)[1][0][3], 64 * tile_n)
        }
        assert first == set(range(64 * tile_n))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LOOP_ORDERS), st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_partial_sums_come_back_from_where_they_went(order: str, tile_m: int, tile_n: int, tile_k: int) -> None:
    tiles, spans = laid_out(GemmLayer("gemm", "gemm", 1, 6, 6, 6), Tiling(tile_m, tile_n, tile_k, 1, order), "tiled")
    stored: Counter[int] = Counter()
    for tile, span in zip(tiles, spans, strict=True):
        if tile[kernel.P_BYTES]:
            for byte in touched(span[2], tile[kernel.P_BYTES]):
                stored[byte] -= 1
        for byte in touched(span[3], tile[kernel.OUT_BYTES]):
            if byte < REGIONS.output:
                stored[byte] += 1
    assert not +stored
    assert not -stored


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_convolution_reads_its_feature_map(layout: str) -> None:
    conv = ConvGeometry(2, 9, 9, 4, 3, 3, 9, 9, pad_top=1, pad_left=1)
    layer = GemmLayer("conv", "conv2d", 2, 2 * 81, 8, 36, conv=conv)
    tiles, spans = laid_out(layer, Tiling(81, 8, 36), layout)
    size = 2 * 9 * 9 * 8
    for tile, span in zip(tiles, spans, strict=True):
        bytes_ = touched(span[1], tile[kernel.A_BYTES])
        assert REGIONS.activations <= min(bytes_)
        assert max(bytes_) < REGIONS.activations + size
