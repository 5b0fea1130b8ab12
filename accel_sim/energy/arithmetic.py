"""Energy and area of one PE lane's arithmetic, one entry per kind of arithmetic.

A *fixed* multiplier of ``native_bits`` does not turn into a smaller one when operands are narrow. What is assumed:

- Narrow operands are aligned to the top with zeros below, as truncated multipliers do, signed or not, so the unused
  rows and columns of partial products hold still.
- A share ``multiply_idle_ratio`` (clock, input latches) is spent in every cycle, with any operands, and is all that
  a gated multiplication costs.
- The rest follows the switching cells. With one operand at full width it is EvoApproxLib's ratio ``r(b)`` of an
  exact 8×b to an 8×8 multiplier: affine in b. A narrow second operand scales the length of the rows, so
  ``(max/native)·r(8·min/native)``.
- Adder, registers and their clock do not shrink: they are counted on their own, at full width.
- Operands wider than ``native_bits`` take passes of ``native_bits`` and a last one of what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accel_sim.energy.interpolate import loglog
from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import suggestion
from accel_sim.hardware.schema import ArrayConfig

__all__ = [
    "ARITHMETIC",
    "LaneArithmetic",
    "add_pj",
    "add_um2",
    "fixed_multiply_pj",
    "lane_arithmetic",
    "multiply_pj",
    "multiply_um2",
]

Values = Mapping[str, float]


@dataclass(frozen=True)
class LaneArithmetic:
    """Prices of one multiplier (lane) of an arithmetic kind.

    Attributes:
        multiply_pj: pJ per multiplier cycle for operands of (a_bits, w_bits).
        idle_pj: pJ per cycle of a gated multiplier.
        area_um2: area of the multiplier.

    """

    multiply_pj: Callable[[Values, ArrayConfig, int, int], float]
    idle_pj: Callable[[Values, ArrayConfig], float]
    area_um2: Callable[[Values, ArrayConfig], float]


def multiply_pj(values: Values, bits: float) -> float:
    """Energy of a ``bits`` × ``bits`` multiplication on a multiplier built for it, pJ."""
    return loglog(bits, [(8, values["multiply_8x8_pj"]), (32, values["multiply_32x32_pj"])])


def multiply_um2(values: Values, bits: float) -> float:
    """Area of a ``bits`` × ``bits`` multiplier, µm²."""
    return loglog(bits, [(8, values["multiply_8x8_um2"]), (32, values["multiply_32x32_um2"])])


def add_pj(values: Values, bits: float) -> float:
    """Energy of an addition of ``bits``, pJ."""
    return loglog(bits, [(width, values[f"add_{width}_pj"]) for width in (8, 16, 32)])


def add_um2(values: Values, bits: float) -> float:
    """Area of an adder of ``bits``, µm²."""
    return loglog(bits, [(width, values[f"add_{width}_um2"]) for width in (8, 16, 32)])


def fixed_multiply_pj(values: Values, native_bits: int, a_bits: int, w_bits: int) -> float:
    """Mean energy per cycle of a fixed multiplier over the passes of one multiplication, pJ.

    Args:
        values: constants scaled to the machine.
        native_bits: width of the multiplier.
        a_bits, w_bits: operand widths; wider than ``native_bits`` takes passes.

    """
    activity = [
        _switching_share(values, a / native_bits, w / native_bits)
        for a in _passes(a_bits, native_bits)
        for w in _passes(w_bits, native_bits)
    ]
    idle = values["multiply_idle_ratio"]
    return multiply_pj(values, native_bits) * (idle + (1 - idle) * sum(activity) / len(activity))


def _passes(bits: int, native_bits: int) -> list[int]:
    full, rest = divmod(bits, native_bits)
    return [native_bits] * full + ([rest] if rest else [])


def _switching_share(values: Values, a_share: float, w_share: float) -> float:
    """Switching of a fixed multiplier whose operands fill these shares of its width, relative to full operands."""
    narrow, wide = sorted((a_share, w_share))
    return wide * _narrow_ratio(values, 8 * narrow)


def _narrow_ratio(values: Values, bits: float) -> float:
    """EvoApproxLib's 8×b over 8×8, piecewise linear in b, 0..8."""
    ratios = [0.0, *(values[f"multiply_8x{b}_ratio"] for b in range(1, 8)), 1.0]
    below = min(int(bits), 7)
    return ratios[below] + (bits - below) * (ratios[below + 1] - ratios[below])


ARITHMETIC: dict[str, LaneArithmetic] = {
    "parallel": LaneArithmetic(
        multiply_pj=lambda values, array, a_bits, w_bits: fixed_multiply_pj(values, array.native_bits, a_bits, w_bits),
        idle_pj=lambda values, array: multiply_pj(values, array.native_bits) * values["multiply_idle_ratio"],
        area_um2=lambda values, array: multiply_um2(values, array.native_bits),
    ),
}


def lane_arithmetic(kind: str) -> LaneArithmetic:
    """Look up the prices of an arithmetic kind.

    Raises:
        HardwareError: no prices are registered for it.

    """
    if kind not in ARITHMETIC:
        known = f"{', '.join(ARITHMETIC)} {suggestion(kind, ARITHMETIC)}".rstrip()
        raise HardwareError(f"array.arithmetic: no energies for {kind!r}; known: {known}")
    return ARITHMETIC[kind]
