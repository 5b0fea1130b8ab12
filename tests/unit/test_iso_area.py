"""Machines of equal area."""

from __future__ import annotations

import pytest

from accel_sim import load_hardware
from accel_sim.energy.area import area_breakdown
from accel_sim.errors import InputError
from accel_sim.iso_area import _resized, at_area

MACHINES = ["dense_int8_16x16", "stripes_like", "bitfusion_like", "dense_int8_32x32_os", "s2ta_like"]


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("factor", [1.0, 1.3, 2.5])
def test_the_largest_array_that_fits(name: str, factor: float) -> None:
    hardware = load_hardware(name)
    area_mm2 = area_breakdown(hardware).total * factor
    found = at_area(hardware, area_mm2)
    rows, cols = found.array.rows, found.array.cols
    assert area_breakdown(found).total <= area_mm2
    assert area_breakdown(_resized(hardware, rows + 1, cols + 1)).total > area_mm2
    assert rows / cols == pytest.approx(hardware.array.rows / hardware.array.cols, rel=0.1)
    if factor == 1:
        assert area_breakdown(found).total >= 0.95 * area_mm2


def test_banks_keep_up_with_the_edges() -> None:
    hardware = load_hardware("dense_int8_32x32")
    found = at_area(hardware, 2 * area_breakdown(hardware).total)
    for name, line in (("activations", "rows"), ("weights", "cols"), ("outputs", "cols")):
        before, after = getattr(hardware.buffers, name).banks, getattr(found.buffers, name).banks
        assert after / before >= getattr(found.array, line) / 32
    assert found.buffers.activations.kib == hardware.buffers.activations.kib


def test_buffers_that_are_larger_alone() -> None:
    with pytest.raises(
        InputError, match=r"--iso area: dense_int8_32x32 takes .* mm² with a single PE; allowed: at most"
    ):
        at_area(load_hardware("dense_int8_32x32"), 0.5)
