"""Area and leakage of one PE: arithmetic, registers, FIFO, operand selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_sim.energy.arithmetic import FUSION_BRICKS, pe_arithmetic
from accel_sim.energy.interpolate import loglog
from accel_sim.energy.sparsity import MOVING, lane_operand_bits, pe_selection_um2, serial_operands
from accel_sim.hardware.schema import ArrayConfig

__all__ = ["PeArea", "leakage_uw_per_um2", "pe_area", "pe_leakage_uw", "pe_register_bits", "pe_um2"]

LEAKAGE_WIDTHS = (2, 4, 8, 16)
_FIXED_8_BIT_PE = ArrayConfig(rows=1, cols=1)


@dataclass(frozen=True)
class PeArea:
    """Parts of one PE, µm²: its arithmetic for operands of ``native_bits``, registers, the FIFO beyond the pipeline
    register, and what sparsity adds (indices, operand selection, zero flags).
    """

    arithmetic: float
    registers: float
    fifo: float
    sparsity: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.arithmetic + self.registers + self.fifo + self.sparsity


def pe_area(values: Mapping[str, float], array: ArrayConfig) -> PeArea:
    """Area of one PE, part by part."""
    per_bit, fifo_bits = values["register_um2_per_bit"], _fifo_bits(array)
    return PeArea(
        arithmetic=pe_arithmetic(values, array, array.native_bits, array.native_bits).um2,
        registers=(pe_register_bits(array) - fifo_bits) * per_bit,
        fifo=fifo_bits * per_bit,
        sparsity=pe_selection_um2(values, array),
    )


def pe_um2(values: Mapping[str, float], array: ArrayConfig) -> float:
    """Area of one PE, µm²."""
    return pe_area(values, array).total


def pe_register_bits(array: ArrayConfig) -> int:
    """Flip-flops of one PE, those within its arithmetic apart.

    Per lane a register for each operand; one partial sum of ``acc_bits``; where folds overlap, a shadow of the
    stationary tile (ws, is: the operand; os: the result); and the FIFO's entries beyond the pipeline register.
    """
    stationary_bits = array.acc_bits
    if array.dataflow != "os":
        stationary_bits = array.lanes * lane_operand_bits(array)
    shadow_bits = 0 if array.fold_overlap == "none" else stationary_bits
    operand_bits = array.lanes * (_held_bits(array, "a") + _held_bits(array, "w"))
    return operand_bits + array.acc_bits + shadow_bits + _fifo_bits(array)


def _held_bits(array: ArrayConfig, operand: str) -> int:
    """Register bits of one lane for one operand.

    A serial operand that moves is held by the digit (as a term it is part of the arithmetic); where both are serial,
    the one from the top (os) is held whole, and cut into digits or terms in the PE.
    """
    serial = serial_operands(array)
    if operand not in serial or operand not in MOVING[array.dataflow]:
        return lane_operand_bits(array)
    if array.dataflow == "os" and serial == "aw" and operand == "w":
        return array.native_bits
    return 0 if array.arithmetic.startswith("term_serial") else min(array.digit_bits, array.native_bits)


def _fifo_bits(array: ArrayConfig) -> int:
    """FIFO entries beyond the pipeline register: partial sums (ws, is), the operand that crosses the lines (os)."""
    entry_bits = array.lanes * lane_operand_bits(array) if array.dataflow == "os" else array.acc_bits
    return (array.fifo_depth - 1) * entry_bits


def pe_leakage_uw(values: Mapping[str, float], array: ArrayConfig) -> float:
    """Leakage of one PE, µW.

    ``parallel`` and ``fused``: that of the synthesised PE, per lane; other kinds, FIFOs and operand selection: by their
    area, as a fixed 8-bit PE leaks.
    """
    density = leakage_uw_per_um2(values)
    if array.arithmetic == "parallel":
        points = [(width, values[f"pe_leakage_{width}_uw"]) for width in LEAKAGE_WIDTHS]
        synthesised = loglog(array.native_bits, points) * array.lanes
    elif array.arithmetic == "fused":
        points = [(bricks, values[f"fusion_unit_{bricks}_leakage_uw"]) for bricks in FUSION_BRICKS]
        synthesised = loglog(array.bricks, points) * array.lanes
    else:
        return density * pe_um2(values, array)
    added_um2 = _fifo_bits(array) * values["register_um2_per_bit"] + pe_selection_um2(values, array)
    return synthesised + density * added_um2


def leakage_uw_per_um2(values: Mapping[str, float]) -> float:
    """Leakage of logic by its area: the synthesised fixed 8-bit PE's over the area that this model gives that PE."""
    return values["pe_leakage_8_uw"] / pe_um2(values, _FIXED_8_BIT_PE)
