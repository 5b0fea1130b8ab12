"""Requantisation against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compress.integer.fixed_point import Ends, Requantizer
from compress.integer.operations import stream_grid
from compress.integer.tensor import IntegerTensor
from compress.quantization import Grid

WIDE = Ends(-(1 << 40), 1 << 40)
SCALES = st.floats(1e-9, 1e4).flatmap(lambda size: st.sampled_from([size, -size]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**31), min_size=1, max_size=5),
    SCALES,
    st.floats(-1e6, 1e6),
    st.integers(-(2**20), 2**20),
    st.floats(1e-6, 1e3),
)
def test_within_half_a_step_of_the_exact_value(
    sums: list[int], scale: float, constant: float, correction: int, step: float
) -> None:
    assume(abs(scale / step) < 2**26)  # beyond the multiplier's bits everything but zero saturates
    largest = max(abs(one) + abs(correction) for one in sums)
    requantizer = Requantizer.of(np.array([scale]), np.array([constant]), np.array([correction]), largest, step)
    found = requantizer.apply(np.array(sums).reshape(1, 1, -1), WIDE).ravel()
    for one, result in zip(sums, found, strict=True):
        product, bias = (one + correction) * Fraction(scale) / Fraction(step), Fraction(constant) / Fraction(step)
        exact = product + bias
        # the multiplier has at least 27 good bits, or what a large offset leaves of the 61 of the sum
        lost = abs(product) / 2**26 + largest * (1 + abs(bias)) / 2**58 + abs(bias) / 2**48
        slack = Fraction(1, 2) + lost
        if abs(exact) < 1 << 39:
            assert abs(int(result) - exact) <= slack


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(-(2**12), 2**12), st.integers(0, 20), st.integers(-(2**20), 2**20))
def test_dyadic_scales_are_exact_and_halves_go_to_even(total: int, numerator: int, shift: int, constant: int) -> None:
    scale, offset = numerator / 2**shift, constant / 2**shift
    requantizer = Requantizer.of(np.array([scale]), np.array([offset]), np.zeros(1, np.int64), 2**40, 1.0)
    found = int(requantizer.apply(np.array([[[total]]]), Ends(-(1 << 60), 1 << 60)).item())
    assert found == round(Fraction(total * numerator + constant, 2**shift))  # Python rounds fractions half to even


def test_channels_have_their_own_numbers_and_results_are_cut_off() -> None:
    requantizer = Requantizer.of(np.array([1.0, 0.5, -2.0]), np.array([0.0, 1.0, 0.0]), np.array([0, 2, 0]), 100, 1.0)
    sums = np.array([[[1, 90], [4, 5], [3, -90]]])
    found = requantizer.apply(sums, Ends(-50, 60, zero_point=3))
    assert found.tolist() == [[[4, 60], [7, 7], [-3, 60]]]  # 0.5·(5+2)+1 = 4.5, to even


@pytest.mark.parametrize("scale", [2.0**40, -(2.0**40), 1e-40, 0.0])
def test_scales_out_of_reach_saturate_or_vanish(scale: float) -> None:
    requantizer = Requantizer.of(np.array([scale]), np.zeros(1), np.zeros(1, np.int64), 2**31, 1.0)
    found = requantizer.apply(np.array([[[0, 1, 2**31]]]), Ends(-127, 127)).ravel().tolist()
    far = 127 if scale > 1 else -127 if scale < -1 else 0
    assert found == [0, far, far]


GRIDS = [
    Grid(0.25, 0, 8, signed=True),
    Grid(0.3, 0, 8, signed=False),
    Grid(0.3, 11, 5, signed=False),
    Grid(0.7, 0, 1, signed=True),
    Grid(1.7, 0, 1, signed=False),
    Grid(1.1e-3, 0, 16, signed=True),
]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("clip", [None, (0.0, 6.0)])
def test_a_tensor_is_rounded_as_its_values_are(grid: Grid, clip: tuple[float, float] | None) -> None:
    draws = np.random.default_rng(0)
    value = IntegerTensor(
        torch.from_numpy(draws.integers(-3000, 3000, (4, 3, 5, 2))),
        np.array([1e-2, 2.3e-3, 1e-3]),
        np.array([0.1, -0.4, 2.0]),
        np.array([5, 0, -7]),
        4000,
    )
    value = value if clip is None else value.clipped(*clip)
    assert (value.on(grid) - grid.quantize(value.values())).abs().max() <= 1
    assert (value.on(grid) == grid.quantize(value.values())).float().mean() > 0.99


def test_the_stored_copy_has_room_for_twice_the_range() -> None:
    grid = stream_grid(3.0)
    assert grid.high * grid.scale == pytest.approx(6.0, rel=1e-4)
    assert stream_grid(0.0).scale > 0
