"""Figures of one component, for ``bitgrove estimate``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from accel_sim.array.beats import constant_beat_cycles, hop_bits, step_lanes
from accel_sim.energy.model import energy_model
from accel_sim.energy.pe import pe_leakage_uw, pe_um2
from accel_sim.energy.sram import SramEstimate, sram_estimate
from accel_sim.energy.tables import values_of
from accel_sim.errors import InputError
from accel_sim.workload.layers import MAX_BITS

if TYPE_CHECKING:
    from accel_sim.hardware.schema import Hardware

__all__ = ["PeEstimate", "SramEstimate", "pe_estimate", "sram_estimate"]


@dataclass(frozen=True)
class PeEstimate:
    """One PE: energy of one multiplication in steady state, area and leakage of the whole PE."""

    multiply_pj: float
    accumulate_pj: float
    registers_pj: float
    total_pj: float
    area_um2: float
    leakage_uw: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def pe_estimate(hardware: Hardware, a_bits: int | None = None, w_bits: int | None = None) -> PeEstimate:
    """Price a PE of ``hardware`` and one multiplication of a_bits × w_bits (default: ``native_bits``) in it.

    Its cycles are those that the widths alone give; for term-serial kinds that is the most, a term in every position.
    Registers: the operands that move (one for ws and is, both for os; not term by term) and a share of the step's
    partial sum.

    Raises:
        InputError: a width outside 1..16.
        HardwareError: as for ``energy_model``.

    """
    array = hardware.array
    for name, bits in (("a_bits", a_bits), ("w_bits", w_bits)):
        if bits is not None and not 1 <= bits <= MAX_BITS:
            raise InputError(f"{name}: holds {bits}; allowed: from 1 to {MAX_BITS}")
    a_bits, w_bits = a_bits or array.native_bits, w_bits or array.native_bits
    model = energy_model(hardware, dram_pj_per_bit=0.0)
    values = values_of(model.constants)
    price = model.lanes.at(a_bits, w_bits)
    multiply = constant_beat_cycles(array, a_bits, w_bits) * price.multiply_pj
    psum_bits = array.acc_bits / step_lanes(array, a_bits, w_bits)
    registers = (sum(hop_bits(array, a_bits, w_bits)) + psum_bits) * model.register_pj_per_bit
    return PeEstimate(
        multiply_pj=multiply,
        accumulate_pj=price.accumulate_pj,
        registers_pj=registers,
        total_pj=multiply + price.accumulate_pj + registers,
        area_um2=pe_um2(values, array),
        leakage_uw=pe_leakage_uw(values, array),
    )
