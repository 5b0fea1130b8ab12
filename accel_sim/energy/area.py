"""Area of a machine: its parts times their areas, without wiring between them and without DRAM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from accel_sim.energy.gates import add_um2, multiply_um2
from accel_sim.energy.model import VECTOR_BITS, VECTOR_REGISTER_ACCESSES, applied_constants, buffer_estimate
from accel_sim.energy.pe import pe_area
from accel_sim.energy.sparsity import edge_um2
from accel_sim.energy.tables import values_of

if TYPE_CHECKING:
    from accel_sim.hardware.schema import Hardware

__all__ = ["AreaBreakdown", "area_breakdown"]


@dataclass(frozen=True)
class AreaBreakdown:
    """Square millimetres per component; ``total`` is their sum, ``pe_array`` that of what the PEs are made of."""

    pe_arithmetic: float
    pe_registers: float
    pe_fifos: float
    pe_sparsity: float
    edge_logic: float
    activations_sram: float
    weights_sram: float
    outputs_sram: float
    vector_unit: float

    @property
    def pe_array(self) -> float:
        """All PEs, mm²."""
        return self.pe_arithmetic + self.pe_registers + self.pe_fifos + self.pe_sparsity

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
    buffers, pe, pes = hardware.buffers, pe_area(values, hardware.array), hardware.pes * 1e-6
    return AreaBreakdown(
        pe_arithmetic=pes * pe.arithmetic,
        pe_registers=pes * pe.registers,
        pe_fifos=pes * pe.fifo,
        pe_sparsity=pes * pe.sparsity,
        edge_logic=hardware.array.arrays * edge_um2(values, hardware.array) * 1e-6,
        activations_sram=buffer_estimate(buffers.activations, hardware).area_mm2,
        weights_sram=buffer_estimate(buffers.weights, hardware).area_mm2,
        outputs_sram=buffer_estimate(buffers.outputs, hardware).area_mm2,
        vector_unit=hardware.vector_lanes * _vector_lane_um2(values) * 1e-6,
    )


def _vector_lane_um2(values: Mapping[str, float]) -> float:
    """Sum up a vector-unit lane: multiplier, adder and three registers of 16 bit."""
    registers = VECTOR_REGISTER_ACCESSES * VECTOR_BITS * values["register_um2_per_bit"]
    return multiply_um2(values, VECTOR_BITS) + add_um2(values, VECTOR_BITS) + registers
