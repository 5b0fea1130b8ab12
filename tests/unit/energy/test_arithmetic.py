from __future__ import annotations

import pytest

from accel_sim.energy.arithmetic import add_pj, fixed_multiply_pj, lane_arithmetic, multiply_pj, multiply_um2
from accel_sim.energy.tables import load_energy_table
from accel_sim.errors import HardwareError

VALUES = {name: constant.value for name, constant in load_energy_table("default_45nm").constants.items()}


def test_published_points_are_reproduced():
    assert multiply_pj(VALUES, 8) == 0.2
    assert multiply_pj(VALUES, 32) == 3.1
    assert multiply_um2(VALUES, 8) == 282
    assert [add_pj(VALUES, bits) for bits in (8, 16, 32)] == [0.03, 0.05, 0.1]
    assert multiply_pj(VALUES, 16) == pytest.approx((0.2 * 3.1) ** 0.5)  # halfway in log-log
    assert add_pj(VALUES, 64) == pytest.approx(0.2)


def test_one_narrow_operand_follows_the_affine_ratio_above_the_idle_share():
    for bits, ratio in zip(range(2, 9), (0.084, 0.21, 0.35, 0.51, 0.68, 0.86, 1.0), strict=True):
        assert fixed_multiply_pj(VALUES, 8, 8, bits) == pytest.approx(0.2 * (0.1 + 0.9 * ratio))
        assert fixed_multiply_pj(VALUES, 8, bits, 8) == fixed_multiply_pj(VALUES, 8, 8, bits)


def test_both_operands_narrow():
    assert fixed_multiply_pj(VALUES, 8, 4, 4) == pytest.approx(0.2 * (0.1 + 0.9 * 0.5 * 0.35))
    assert fixed_multiply_pj(VALUES, 8, 1, 1) == pytest.approx(0.2 * (0.1 + 0.9 * 0.125 * 0.03))


def test_wide_operands_take_passes():
    assert fixed_multiply_pj(VALUES, 8, 16, 8) == pytest.approx(0.2)
    # 9 bits: a pass of 8 and a pass of 1
    assert fixed_multiply_pj(VALUES, 8, 9, 8) == pytest.approx((0.2 + fixed_multiply_pj(VALUES, 8, 1, 8)) / 2)


@pytest.mark.parametrize("native_bits", range(1, 17))
def test_more_bits_are_never_cheaper(native_bits: int):
    def energy(a_bits: int, w_bits: int) -> float:
        passes = -(-a_bits // native_bits) * -(-w_bits // native_bits)
        return passes * fixed_multiply_pj(VALUES, native_bits, a_bits, w_bits)

    for a_bits in range(1, 17):
        for w_bits in range(1, 16):
            assert energy(a_bits, w_bits) < energy(a_bits, w_bits + 1)
            assert energy(w_bits, a_bits) < energy(w_bits + 1, a_bits)


def test_a_narrow_operand_is_never_free():
    for bits in range(1, 9):
        assert fixed_multiply_pj(VALUES, 8, bits, bits) > 0.2 * VALUES["multiply_idle_ratio"]


def test_unknown_arithmetic():
    with pytest.raises(HardwareError, match=r"array\.arithmetic: no energies for 'paralel'.*did you mean 'parallel'"):
        lane_arithmetic("paralel")
