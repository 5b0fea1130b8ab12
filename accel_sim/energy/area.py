"""Area of a machine: its parts times their areas, without wiring between them and without DRAM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from accel_sim.energy.arithmetic import add_um2, lane_arithmetic, multiply_um2
from accel_sim.energy.model import VECTOR_BITS, VECTOR_REGISTER_ACCESSES, applied_constants, buffer_estimate
from accel_sim.energy.tables import values_of

if TYPE_CHECKING:
    from accel_sim.hardware.schema import ArrayConfig, Hardware

__all__ = ["AreaBreakdown", "area_breakdown", "pe_register_bits", "pe_um2"]


@dataclass(frozen=True)
class AreaBreakdown:
    """Square millimetres per component; ``total`` is their sum."""

    pe_array: float
    activations_sram: float
    weights_sram: float
    outputs_sram: float
    vector_unit: float

    @property
    def total(self) -> float:
        """Sum of the components, mm²."""
        return float(sum(getattr(self, f.name) for f in fields(self)))

    def to_dict(self) -> dict[str, float]:
        """Components and their total."""
        return {**asdict(self), "total": self.total}


def area_breakdown(hardware: Hardware) -> AreaBreakdown:
    """Area of a machine at its node.

    Raises:
        HardwareError: as for ``energy_model``.

    """
    values = values_of(applied_constants(hardware))
    buffers = hardware.buffers
    return AreaBreakdown(
        pe_array=hardware.pes * pe_um2(values, hardware.array) * 1e-6,
        activations_sram=buffer_estimate(buffers.activations, hardware).area_mm2,
        weights_sram=buffer_estimate(buffers.weights, hardware).area_mm2,
        outputs_sram=buffer_estimate(buffers.outputs, hardware).area_mm2,
        vector_unit=hardware.vector_lanes * _vector_lane_um2(values) * 1e-6,
    )


def pe_um2(values: Mapping[str, float], array: ArrayConfig) -> float:
    """Area of one PE, µm²: a multiplier and an adder of ``acc_bits`` per lane, and its registers and FIFO."""
    lane = lane_arithmetic(array.arithmetic).area_um2(values, array) + add_um2(values, array.acc_bits)
    return array.lanes * lane + pe_register_bits(array) * values["register_um2_per_bit"]


def pe_register_bits(array: ArrayConfig) -> int:
    """Flip-flops of one PE.

    Per lane a register of ``native_bits`` for each operand; one partial sum of ``acc_bits``; where folds overlap, a
    shadow of the stationary tile (ws, is: the operand; os: the result); and the FIFO's entries beyond the pipeline
    register: partial sums between ws and is rows, the operand from the top between os rows.
    """
    operand_bits = array.lanes * array.native_bits
    stationary_bits = array.acc_bits if array.dataflow == "os" else operand_bits
    queued_bits = operand_bits if array.dataflow == "os" else array.acc_bits
    shadow_bits = 0 if array.fold_overlap == "none" else stationary_bits
    return 2 * operand_bits + array.acc_bits + shadow_bits + (array.fifo_depth - 1) * queued_bits


def _vector_lane_um2(values: Mapping[str, float]) -> float:
    """Sum up a vector-unit lane: multiplier, adder and three registers of 16 bit."""
    registers = VECTOR_REGISTER_ACCESSES * VECTOR_BITS * values["register_um2_per_bit"]
    return multiply_um2(values, VECTOR_BITS) + add_um2(values, VECTOR_BITS) + registers
