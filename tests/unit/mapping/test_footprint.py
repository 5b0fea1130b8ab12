"""Input elements of an im2col tile against counting them one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim.mapping.footprints_kernel import footprints, new_spans
from accel_sim.memory.footprint_kernel import conv_vector, input_elements
from accel_sim.workload import ConvGeometry


def touched(conv: ConvGeometry, m0: int, m1: int, k0: int, k1: int) -> int:
    """Distinct input elements, by walking the im2col matrix."""
    seen = set()
    for m in range(m0, m1):
        image, pixel = divmod(m, conv.out_h * conv.out_w)
        y, x = divmod(pixel, conv.out_w)
        for k in range(k0, k1):
            tap, channel = divmod(k, conv.in_channels)
            ky, kx = divmod(tap, conv.kernel_w)
            row = y * conv.stride_h + ky * conv.dilation_h - conv.pad_top
            column = x * conv.stride_w + kx * conv.dilation_w - conv.pad_left
            if 0 <= row < conv.in_h and 0 <= column < conv.in_w:
                seen.add((image, row, column, channel))
    return len(seen)


ONE = st.just(1)


@st.composite
def convolutions(draw, dilations=ONE):
    kernel_h, kernel_w, stride_h, stride_w = (draw(st.integers(1, 3)) for _ in range(4))
    dilation_h, dilation_w = draw(dilations), draw(dilations)
    in_h, in_w = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    pad_top, pad_left = draw(st.integers(0, kernel_h - 1)), draw(st.integers(0, kernel_w - 1))
    out_h = (in_h + 2 * pad_top - dilation_h * (kernel_h - 1) - 1) // stride_h + 1
    out_w = (in_w + 2 * pad_left - dilation_w * (kernel_w - 1) - 1) // stride_w + 1
    assume(out_h > 0 and out_w > 0)
    return ConvGeometry(
        draw(st.integers(1, 2)), in_h, in_w, draw(st.integers(1, 3)), kernel_h, kernel_w, out_h, out_w,
        stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w,
    )  # fmt: skip


def ranges(conv, data):
    m = conv.batch * conv.out_h * conv.out_w
    k = conv.kernel_h * conv.kernel_w * conv.in_channels
    m0 = data.draw(st.integers(0, m - 1))
    k0 = data.draw(st.integers(0, k - 1))
    return m0, data.draw(st.integers(m0 + 1, m)), k0, data.draw(st.integers(k0 + 1, k))


@settings(max_examples=300, deadline=None)
@given(conv=convolutions(), data=st.data())
def test_never_less_than_what_is_touched_never_more_than_im2col(conv, data):
    m0, m1, k0, k1 = ranges(conv, data)
    elements = input_elements(conv_vector(conv), m0, m1, k0, k1)
    assert touched(conv, m0, m1, k0, k1) <= elements <= (m1 - m0) * (k1 - k0)


@settings(max_examples=200, deadline=None)
@given(conv=convolutions())
def test_a_whole_layer_is_exact(conv):
    m = conv.batch * conv.out_h * conv.out_w
    k = conv.kernel_h * conv.kernel_w * conv.in_channels
    assert input_elements(conv_vector(conv), 0, m, 0, k) == touched(conv, 0, m, 0, k)


@settings(max_examples=200, deadline=None)
@given(conv=convolutions(), data=st.data())
def test_whole_output_rows_and_kernel_rows_are_exact(conv, data):
    rows = data.draw(st.integers(1, conv.out_h))
    first = data.draw(st.integers(0, conv.out_h - rows))
    taps = data.draw(st.integers(1, conv.kernel_h))
    m0, m1 = first * conv.out_w, (first + rows) * conv.out_w
    k1 = taps * conv.kernel_w * conv.in_channels
    assert input_elements(conv_vector(conv), m0, m1, 0, k1) == touched(conv, m0, m1, 0, k1)


def test_a_plain_product_touches_its_tile():
    assert input_elements(conv_vector(None), 2, 5, 1, 8) == 21


@pytest.mark.parametrize("seed", range(30))
def test_sums_over_all_tiles_are_those_of_single_tiles(seed: int) -> None:
    draw = random.Random(seed)
    kernel_h, kernel_w = draw.choice([(1, 1), (3, 3), (1, 5), (2, 3)])
    stride, dilation, pad = draw.randint(1, 4), draw.choice([1, 1, 2]), draw.randint(0, 1)
    channels, batch, size = draw.choice([1, 3, 8]), draw.choice([1, 1, 3]), draw.randint(9, 14)
    out_h, out_w = ((size + 2 * pad - dilation * (taps - 1) - 1) // stride + 1 for taps in (kernel_h, kernel_w))
    geometry = (batch, size, size, channels, kernel_h, kernel_w, out_h, out_w, stride, stride, pad, pad)
    conv = conv_vector(ConvGeometry(*geometry, dilation, dilation) if seed % 7 else None)
    m, k = batch * out_h * out_w, kernel_h * kernel_w * channels
    sizes_m = np.array(sorted({m, *(draw.randint(1, m) for _ in range(3))}))
    sizes_k = np.array(sorted({k, channels, *(draw.randint(1, k) for _ in range(3))}))
    spans = new_spans(sizes_m, conv)
    footprints(m, k, conv, sizes_m, sizes_k[:2], 1 << 17, spans)  # what it finds out is used below
    sums, most, first = footprints(m, k, conv, sizes_m, sizes_k, 1 << 17, spans)
    for i, tile_m in enumerate(sizes_m):
        for j, tile_k in enumerate(sizes_k):
            tiles = [
                input_elements(conv, m0, min(m, m0 + tile_m), k0, min(k, k0 + tile_k))
                for m0 in range(0, m, tile_m)
                for k0 in range(0, k, tile_k)
            ]
            assert (sums[i, j], most[i, j], first[i, j]) == (sum(tiles), max(tiles), tiles[0])
