"""Parts that PEs are built from: energy of one use and area, each from the constants of the energy table.

Widths may be fractional only where a caller averages; all energies are those of operands that switch as the table's
sources assume (random data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_sim.energy.interpolate import loglog

__all__ = [
    "NOTHING",
    "Cost",
    "Values",
    "add_pj",
    "add_um2",
    "adder",
    "adder_tree",
    "clog2",
    "detector",
    "encoder",
    "multiply_pj",
    "multiply_um2",
    "narrow_ratio",
    "product",
    "register",
    "selector",
    "shifter",
]

Values = Mapping[str, float]

_GATES_OF_FULL_ADDER = 5
_GATES_8X8 = 64 + _GATES_OF_FULL_ADDER * 56


@dataclass(frozen=True)
class Cost:
    """A circuit: ``pj`` per use, ``um2`` of area."""

    pj: float
    um2: float

    def __add__(self, other: Cost) -> Cost:
        """Both circuits, each used once."""
        return Cost(self.pj + other.pj, self.um2 + other.um2)

    def __mul__(self, copies: float) -> Cost:
        """``copies`` of the circuit, all used."""
        return Cost(self.pj * copies, self.um2 * copies)

    def every(self, uses: float) -> Cost:
        """The circuit used in one of ``uses`` cycles: energy per cycle shrinks, area stays."""
        return Cost(self.pj / uses, self.um2)


NOTHING = Cost(0.0, 0.0)


def clog2(number: int) -> int:
    """Bits that tell ``number`` (at least 1) things apart.

    >>> [clog2(n) for n in (1, 2, 5, 8)]
    [0, 1, 3, 3]
    """
    return (number - 1).bit_length()


def multiply_pj(values: Values, bits: float) -> float:
    """Energy of a ``bits`` × ``bits`` multiplication on a multiplier built for it, pJ."""
    return loglog(bits, [(8, values["multiply_8x8_pj"]), (32, values["multiply_32x32_pj"])])


def multiply_um2(values: Values, bits: float) -> float:
    """Area of a ``bits`` × ``bits`` multiplier, µm²."""
    return loglog(bits, [(8, values["multiply_8x8_um2"]), (32, values["multiply_32x32_um2"])])


def add_pj(values: Values, bits: float) -> float:
    """Energy of an addition of ``bits``, pJ; below 8 bits proportional to them, a full adder each."""
    if bits < 8:
        return values["add_8_pj"] * bits / 8
    return loglog(bits, [(width, values[f"add_{width}_pj"]) for width in (8, 16, 32)])


def add_um2(values: Values, bits: float) -> float:
    """Area of an adder of ``bits``, µm²; below 8 bits proportional to them, a full adder each."""
    if bits < 8:
        return values["add_8_um2"] * bits / 8
    return loglog(bits, [(width, values[f"add_{width}_um2"]) for width in (8, 16, 32)])


def narrow_ratio(values: Values, bits: float) -> float:
    """EvoApproxLib's 8×b over 8×8, piecewise linear in b, 0..8."""
    ratios = [0.0, *(values[f"multiply_8x{b}_ratio"] for b in range(1, 8)), 1.0]
    below = min(int(bits), 7)
    return ratios[below] + (bits - below) * (ratios[below + 1] - ratios[below])


def product(values: Values, x_bits: int, y_bits: int) -> Cost:
    """A combinational x×y multiplier: rows of the wide operand, one per bit of the narrow one; 1 bit is AND gates.

    Energy: EvoApproxLib's 8×b, proportional in the wide operand. Area: 8×8 by gates, x·y AND gates and x·(y − 1) full
    adders. Narrow operands beyond 8 bits: the square multiplier, proportional in the wide one.
    """
    narrow, wide = sorted((x_bits, y_bits))
    if narrow > 8:
        return Cost(multiply_pj(values, narrow), multiply_um2(values, narrow)) * (wide / narrow)
    gates = wide * narrow + _GATES_OF_FULL_ADDER * wide * (narrow - 1)
    pj = values["multiply_8x8_pj"] * narrow_ratio(values, narrow) * wide / 8
    return Cost(pj, values["multiply_8x8_um2"] * gates / _GATES_8X8)


def adder(values: Values, bits: float) -> Cost:
    """An adder of ``bits``."""
    return Cost(add_pj(values, bits), add_um2(values, bits))


def adder_tree(values: Values, inputs: int, bits: int) -> Cost:
    """A tree that sums ``inputs`` numbers of ``bits``; each level is a bit wider."""
    cost = NOTHING
    while inputs > 1:
        bits += 1
        cost += adder(values, bits) * (inputs // 2)
        inputs = -(-inputs // 2)
    return cost


def register(values: Values, bits: float) -> Cost:
    """Flip-flops that are clocked."""
    return Cost(values["register_pj_per_bit"], values["register_um2_per_bit"]) * bits


def selector(values: Values, bits: float, inputs: int) -> Cost:
    """One of ``inputs`` words of ``bits``: a tree of 2:1 multiplexers, all of which switch."""
    return Cost(values["mux_pj_per_bit"], values["mux_um2_per_bit"]) * (bits * max(0, inputs - 1))


def shifter(values: Values, bits: int, positions: int) -> Cost:
    """A barrel shifter of ``bits`` by 0 .. ``positions`` − 1: a 2:1 multiplexer per bit and stage, ever wider."""
    cost = NOTHING
    for stage in range(clog2(positions)):
        cost += selector(values, bits + (2 << stage) - 1, 2)
    return cost


def encoder(values: Values, bits: int) -> Cost:
    """Find the lowest remaining term of an operand, encode its position and clear it."""
    return Cost(values["encode_pj_per_bit"], values["encode_um2_per_bit"]) * bits


def detector(values: Values, bits: float) -> Cost:
    """Find an operand's leading one, or that it is zero, and join it with its group's."""
    return Cost(values["detect_pj_per_bit"], values["detect_um2_per_bit"]) * bits
