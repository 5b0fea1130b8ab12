"""Energy of a layer: its counts of actions times the machine's energy per action, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from accel_sim.array.beats import step_lanes
from accel_sim.energy.arithmetic import pe_arithmetic
from accel_sim.energy.gates import add_pj
from accel_sim.energy.pe import leakage_uw_per_um2, pe_leakage_uw
from accel_sim.energy.sparsity import SparsityPrices, edge_um2, sparsity_pj, sparsity_prices
from accel_sim.energy.sram import SramEstimate
from accel_sim.energy.sram_plugins import estimate_sram
from accel_sim.energy.tables import AppliedConstant, apply_technology, load_energy_table, values_of, with_overrides
from accel_sim.result import EnergyBreakdown
from accel_sim.workload.layers import MAX_BITS

if TYPE_CHECKING:
    from accel_sim.counts import LayerActions
    from accel_sim.hardware.schema import ArrayConfig, BufferConfig, Hardware
    from accel_sim.result import SramTraffic

__all__ = [
    "EnergyModel",
    "LanePrice",
    "LanePrices",
    "applied_constants",
    "buffer_estimate",
    "energy_model",
    "layer_energy",
]

VECTOR_BITS = 16
VECTOR_REGISTER_ACCESSES = 3


class LanePrice(NamedTuple):
    """Prices of one multiplication: ``multiply_pj`` per cycle in which its multiplier is busy, ``idle_pj`` per cycle
    in which it waits or is gated, ``accumulate_pj`` for its share in the sum of its step.
    """

    multiply_pj: float
    idle_pj: float
    accumulate_pj: float


class LanePrices:
    """Prices of multiplications on one machine, worked out when a pair of widths is first asked for."""

    def __init__(self, values: Mapping[str, float], array: ArrayConfig) -> None:
        self._values, self._array = values, array
        self._known: dict[tuple[int, int], LanePrice] = {}
        self.at(array.native_bits, array.native_bits)  # an arithmetic without prices is found at once

    def at(self, a_bits: int, w_bits: int) -> LanePrice:
        """Look up the price for operands of these widths."""
        price = self._known.get((a_bits, w_bits))
        if price is None:
            step = pe_arithmetic(self._values, self._array, a_bits, w_bits)
            lanes = step_lanes(self._array, a_bits, w_bits)
            price = LanePrice(step.cycle.pj / lanes, step.idle_pj / lanes, step.final.pj / lanes)
            self._known[a_bits, w_bits] = price
        return price


@dataclass(frozen=True)
class EnergyModel:
    """Energy per action of one machine, everything that does not depend on the layer worked out.

    Attributes:
        lanes: prices of multiplications by the operands' widths.
        register_pj_per_bit: per bit clocked into a register.
        fifo_pj_per_bit: per bit pushed into a FIFO and popped again.
        sparsity: prices of detectors, encoders, selectors and decoders.
        activations_sram, weights_sram, outputs_sram: energies per word, leakage and area.
        dram_pj_per_bit: per bit over the DRAM pins.
        vector_operation_pj: one operation of the vector unit: an addition of 16 bit and three register accesses (two
            operands, one result).
        leakage_mw: leakage of all PEs, the arrays' edges and the three SRAMs.
        leakage_pj_per_cycle: the same per clock cycle.
        constants: the logic constants with their origin and the scaling factor that was applied.

    """

    lanes: LanePrices
    register_pj_per_bit: float
    fifo_pj_per_bit: float
    sparsity: SparsityPrices
    activations_sram: SramEstimate
    weights_sram: SramEstimate
    outputs_sram: SramEstimate
    dram_pj_per_bit: float
    vector_operation_pj: float
    leakage_mw: float
    leakage_pj_per_cycle: float
    constants: Mapping[str, AppliedConstant]


def energy_model(
    hardware: Hardware, dram_pj_per_bit: float, constants: Mapping[str, AppliedConstant] | None = None
) -> EnergyModel:
    """Work out the prices of one machine.

    Args:
        hardware: the machine; ``energy.table`` and ``energy.overrides`` choose the constants.
        dram_pj_per_bit: energy of the DRAM part per transferred bit, core and I/O.
        constants: other values of :func:`applied_constants`, if any.

    Raises:
        HardwareError: unknown table or override, arithmetic without prices, voltage outside the scaling table.

    """
    constants = applied_constants(hardware) if constants is None else constants
    values = values_of(constants)
    buffers = hardware.buffers
    activations, weights, outputs = (
        buffer_estimate(buffer, hardware, values["sram_energy_ratio"])
        for buffer in (buffers.activations, buffers.weights, buffers.outputs)
    )
    sram_leakage_mw = activations.leakage_mw + weights.leakage_mw + outputs.leakage_mw
    leakage_mw = _logic_leakage_uw(values, hardware.array) * 1e-3 + sram_leakage_mw
    return EnergyModel(
        lanes=LanePrices(values, hardware.array),
        register_pj_per_bit=values["register_pj_per_bit"],
        fifo_pj_per_bit=values["fifo_pj_per_bit"],
        sparsity=sparsity_prices(values, hardware.array, MAX_BITS),
        activations_sram=activations,
        weights_sram=weights,
        outputs_sram=outputs,
        dram_pj_per_bit=dram_pj_per_bit,
        vector_operation_pj=add_pj(values, VECTOR_BITS)
        + VECTOR_REGISTER_ACCESSES * VECTOR_BITS * values["register_pj_per_bit"],
        leakage_mw=leakage_mw,
        leakage_pj_per_cycle=leakage_mw * 1e3 / hardware.technology.clock_mhz,  # mW/MHz = nJ per cycle
        constants=constants,
    )


def applied_constants(hardware: Hardware) -> dict[str, AppliedConstant]:
    """Collect the logic constants of a machine: its table, its overrides, scaled to its node and voltage."""
    table = with_overrides(load_energy_table(hardware.energy.table), hardware.energy.overrides)
    technology = hardware.technology
    return apply_technology(table, technology.node_nm, technology.voltage_v, technology.temperature_k)


def buffer_estimate(buffer: BufferConfig, hardware: Hardware, energy_ratio: float = 1.0) -> SramEstimate:
    """One of a machine's SRAMs; ``energy_ratio`` multiplies its energies (the constant sram_energy_ratio)."""
    technology = hardware.technology
    estimate = estimate_sram(
        hardware.energy.sram_estimator,
        buffer.kib,
        buffer.word_bits,
        buffer.banks,
        technology.node_nm,
        buffer.cell,
        buffer.ports,
        technology.temperature_k,
        technology.sram_voltage_v,
    )
    return replace(estimate, read_pj=estimate.read_pj * energy_ratio, write_pj=estimate.write_pj * energy_ratio)


def _logic_leakage_uw(values: Mapping[str, float], array: ArrayConfig) -> float:
    """Leakage of all arrays: PEs and edges."""
    pes_uw = array.rows * array.cols * pe_leakage_uw(values, array)
    return array.arrays * (pes_uw + leakage_uw_per_um2(values) * edge_um2(values, array))


def layer_energy(actions: LayerActions, model: EnergyModel) -> EnergyBreakdown:
    """Energy of one layer per component, pJ."""
    array, sram = actions.array, actions.sram
    price = model.lanes.at(actions.a_bits, actions.w_bits)
    waiting_cycles = array.multiplier_cycles - array.busy_cycles
    hop_bits = array.operand_hop_bits + array.psum_hop_bits + array.stationary_hop_bits
    return EnergyBreakdown(
        multiply=array.busy_cycles * price.multiply_pj + (waiting_cycles + array.gated_cycles) * price.idle_pj,
        accumulate=array.additions * price.accumulate_pj,
        registers=hop_bits * model.register_pj_per_bit,
        fifos=array.fifo_push_bits * model.fifo_pj_per_bit,
        sparsity_logic=sparsity_pj(actions, model.sparsity),
        activations_sram=_sram_pj(sram.activations, model.activations_sram),
        weights_sram=_sram_pj(sram.weights, model.weights_sram),
        outputs_sram=_sram_pj(sram.outputs, model.outputs_sram),
        dram=actions.dram_moved_bytes * 8 * model.dram_pj_per_bit,
        vector_unit=actions.vector_operations * model.vector_operation_pj,
        leakage=actions.cycles * model.leakage_pj_per_cycle,
    )


def _sram_pj(traffic: SramTraffic, sram: SramEstimate) -> float:
    return traffic.word_reads * sram.read_pj + traffic.word_writes * sram.write_pj
