"""What a PE's arithmetic costs in one cycle, one entry per kind of arithmetic.

Every kind is composed of parts of :mod:`accel_sim.energy.gates`, for the widths that are in use (energy) or for the
widths that the PE is built for, ``native_bits`` (area). Which count carries what:

- ``multiply`` (count: busy cycles of multipliers) is what happens in every cycle of a beat. In the serial kinds that
  includes the adder tree of the lanes and the PE's shift-accumulator: they work in every cycle, for a digit or a term
  at a time.
- ``accumulate`` (count: additions, one per multiplication) is what happens once per step: the adder into the partial
  sum, shared by all multiplications of the PE's step; in ``parallel`` the adder tree of the lanes besides, in
  ``fused`` the tree of the PE's fusion units.

A gated multiplication costs ``multiply_idle_ratio`` of its logic and, in the serial kinds, its share of the
accumulator, which the other lanes keep busy. So does one that waits: its terms, or the digits of its shortest width
with ``precision: dynamic``, are used up before those of the slowest lane.
"""

from __future__ import annotations

from collections.abc import Callable

from accel_sim.array.beats import step_lanes
from accel_sim.energy.gates import Cost, Values, adder, adder_tree, clog2, multiply_pj, multiply_um2, narrow_ratio
from accel_sim.energy.interpolate import loglog
from accel_sim.energy.serial import serial_act, serial_both, serial_weight
from accel_sim.energy.step import PeStep
from accel_sim.energy.term_serial import term_serial_act, term_serial_both, term_serial_weight
from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import suggestion
from accel_sim.hardware.schema import ArrayConfig

__all__ = ["ARITHMETIC", "FUSION_BRICKS", "fixed_multiply_pj", "pe_arithmetic"]

PeArithmetic = Callable[[Values, ArrayConfig, int, int], PeStep]
FUSION_BRICKS = (4, 16, 64)


def fixed_multiply_pj(values: Values, native_bits: int, a_bits: int, w_bits: int) -> float:
    """Mean energy per cycle of a fixed multiplier over the passes of one multiplication, pJ.

    A multiplier of ``native_bits`` does not turn into a smaller one when operands are narrow. What is assumed:

    - Narrow operands are aligned to the top with zeros below, as truncated multipliers do, signed or not, so the
      unused rows and columns of partial products hold still.
    - A share ``multiply_idle_ratio`` (clock, input latches) is spent in every cycle, with any operands.
    - The rest follows the switching cells. With one operand at full width it is EvoApproxLib's ratio ``r(b)`` of an
      exact 8×b to an 8×8 multiplier: affine in b. A narrow second operand scales the length of the rows, so
      ``(max/native)·r(8·min/native)``.
    - Operands wider than ``native_bits`` take passes of ``native_bits`` and a last one of what is left.

    Args:
        values: constants scaled to the machine.
        native_bits: width of the multiplier.
        a_bits, w_bits: operand widths.

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
    return wide * narrow_ratio(values, 8 * narrow)


def _parallel(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """A fixed multiplier per lane, an adder tree over the lanes, an adder into the partial sum."""
    native = array.native_bits
    multiplier = Cost(fixed_multiply_pj(values, native, a_bits, w_bits), multiply_um2(values, native))
    idle_pj = multiply_pj(values, native) * values["multiply_idle_ratio"]
    return PeStep(
        cycle=multiplier * array.lanes,
        idle_pj=idle_pj * array.lanes,
        final=_sum_of_products(values, array.lanes, 2 * native, array.acc_bits),
    )


def _fused(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """A fusion unit per lane, as synthesised by Bit Fusion's authors; bricks without work hold still."""
    points = [(bricks, values[f"fusion_unit_{bricks}_pj"]) for bricks in FUSION_BRICKS]
    unit_pj = loglog(array.bricks, points)
    unit_um2 = loglog(array.bricks, [(bricks, values[f"fusion_unit_{bricks}_um2"]) for bricks in FUSION_BRICKS])
    products = -(-a_bits // 2) * -(-w_bits // 2)
    fused = step_lanes(array, a_bits, w_bits) // array.lanes
    share = min(1.0, fused * products / array.bricks)
    idle = values["multiply_idle_ratio"]
    sum_bits = min(array.acc_bits, a_bits + w_bits + clog2(fused))
    return PeStep(
        cycle=Cost(unit_pj * (idle + (1 - idle) * share), unit_um2) * array.lanes,
        idle_pj=unit_pj * idle * array.lanes,
        final=_sum_of_products(values, array.lanes, sum_bits, array.acc_bits),
    )


def _sum_of_products(values: Values, inputs: int, bits: int, acc_bits: int) -> Cost:
    return adder_tree(values, inputs, min(bits, acc_bits)) + adder(values, acc_bits)


ARITHMETIC: dict[str, PeArithmetic] = {
    "parallel": _parallel,
    "serial_act": serial_act,
    "serial_weight": serial_weight,
    "serial_both": serial_both,
    "fused": _fused,
    "term_serial_act": term_serial_act,
    "term_serial_weight": term_serial_weight,
    "term_serial_both": term_serial_both,
}


def pe_arithmetic(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """Price a PE's arithmetic for operands of these widths.

    Raises:
        HardwareError: no prices are registered for the array's kind.

    """
    kind = array.arithmetic
    if kind not in ARITHMETIC:
        known = f"{', '.join(ARITHMETIC)} {suggestion(kind, ARITHMETIC)}".rstrip()
        raise HardwareError(f"array.arithmetic: no energies for {kind!r}; known: {known}")
    return ARITHMETIC[kind](values, array, a_bits, w_bits)
