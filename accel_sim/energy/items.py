"""The energy of a layer item by item: what was counted, what one of it costs, and the constants behind that price.

The items say in full what :func:`accel_sim.energy.model.layer_energy` sums up. A price that is put together of several
constants (gates, registers, adders) is taken apart numerically: by how much it moves with each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accel_sim.energy.model import EnergyModel, applied_constants, energy_model
from accel_sim.energy.sparsity import edge_prices_pj_per_bit

if TYPE_CHECKING:
    from accel_sim.counts import LayerActions
    from accel_sim.energy.tables import AppliedConstant
    from accel_sim.hardware.schema import Hardware

__all__ = ["EnergyItem", "Origin", "energy_items", "price_origins"]

Price = Callable[[EnergyModel], float]
_STEP = 1e-3


@dataclass(frozen=True)
class EnergyItem:
    """Energy = ``count`` × ``price_of(model)`` pJ.

    Attributes:
        component: of :class:`accel_sim.result.EnergyBreakdown`.
        action: what is counted.
    """

    component: str
    action: str
    count: float
    price_of: Price


@dataclass(frozen=True)
class Origin:
    """A constant behind a price; ``share``: by how many percent the price moves if the constant moves by one."""

    constant: AppliedConstant
    share: float


def energy_items(actions: LayerActions) -> tuple[EnergyItem, ...]:
    """Everything that a layer's energy is the sum of, also what was counted as 0."""
    array, widths = actions.array, (actions.a_bits, actions.w_bits)
    waiting = array.multiplier_cycles - array.busy_cycles + array.gated_cycles
    items = [
        EnergyItem(
            "multiply", "cycles of busy multipliers", array.busy_cycles, lambda m: m.lanes.at(*widths).multiply_pj
        ),
        EnergyItem("multiply", "cycles of waiting or gated ones", waiting, lambda m: m.lanes.at(*widths).idle_pj),
        EnergyItem("accumulate", "additions", array.additions, lambda m: m.lanes.at(*widths).accumulate_pj),
        EnergyItem("registers", "bits of moving operands", array.operand_hop_bits, _register),
        EnergyItem("registers", "bits of partial sums", array.psum_hop_bits, _register),
        EnergyItem("registers", "bits of loads and drains", array.stationary_hop_bits, _register),
        EnergyItem("fifos", "bits pushed", array.fifo_push_bits, lambda m: m.fifo_pj_per_bit),
        *_sparsity_items(actions),
        *_sram_items(actions),
        EnergyItem("dram", "bits of all bursts", actions.dram_moved_bytes * 8, lambda m: m.dram_pj_per_bit),
        EnergyItem("vector_unit", "operations", actions.vector_operations, lambda m: m.vector_operation_pj),
        EnergyItem("leakage", "cycles", actions.cycles, lambda m: m.leakage_pj_per_cycle),
    ]
    return tuple(items)


def _register(model: EnergyModel) -> float:
    return model.register_pj_per_bit


def _sparsity_items(actions: LayerActions) -> list[EnergyItem]:
    multiplications, a_bits, w_bits = actions.array.additions, actions.a_bits, actions.w_bits
    mean_terms = actions.array.busy_cycles / max(1, multiplications)
    a_entered, w_entered = actions.sram.activations.read_bytes * 8, actions.sram.weights.read_bytes * 8
    return [
        EnergyItem(
            "sparsity_logic",
            "indices and masks decoded",
            actions.array.metadata_decodes,
            lambda m: m.sparsity.decode_pj,
        ),
        EnergyItem(
            "sparsity_logic",
            "multiplications: selection, zero flags",
            multiplications,
            lambda m: m.sparsity.flag_pj + a_bits * m.sparsity.select_pj_per_bit,
        ),
        EnergyItem(
            "sparsity_logic",
            "bits of activations that enter",
            a_entered,
            lambda m: edge_prices_pj_per_bit(m.sparsity, m.sparsity.activations, a_bits, mean_terms),
        ),
        EnergyItem(
            "sparsity_logic",
            "bits of weights that enter",
            w_entered,
            lambda m: edge_prices_pj_per_bit(m.sparsity, m.sparsity.weights, w_bits, mean_terms),
        ),
    ]


def _sram_items(actions: LayerActions) -> list[EnergyItem]:
    sram = actions.sram
    return [
        EnergyItem("activations_sram", "words read", sram.activations.word_reads, lambda m: m.activations_sram.read_pj),
        EnergyItem(
            "activations_sram", "words written", sram.activations.word_writes, lambda m: m.activations_sram.write_pj
        ),
        EnergyItem("weights_sram", "words read", sram.weights.word_reads, lambda m: m.weights_sram.read_pj),
        EnergyItem("weights_sram", "words written", sram.weights.word_writes, lambda m: m.weights_sram.write_pj),
        EnergyItem("outputs_sram", "words read", sram.outputs.word_reads, lambda m: m.outputs_sram.read_pj),
        EnergyItem("outputs_sram", "words written", sram.outputs.word_writes, lambda m: m.outputs_sram.write_pj),
    ]


def price_origins(hardware: Hardware, dram_pj_per_bit: float, prices: Sequence[Price]) -> list[tuple[Origin, ...]]:
    """The constants that each price depends on, the most important first."""
    constants = applied_constants(hardware)
    base = energy_model(hardware, dram_pj_per_bit, constants)
    before = [price(base) for price in prices]
    found: list[list[Origin]] = [[] for _ in prices]
    for name, constant in constants.items():
        moved = energy_model(hardware, dram_pj_per_bit, _with(constants, name, constant.value * (1 + _STEP)))
        for origins, price, value in zip(found, prices, before, strict=True):
            share = (price(moved) / value - 1) / _STEP if value else 0.0
            if abs(share) > _STEP:
                origins.append(Origin(constant, share))
    return [tuple(sorted(origins, key=lambda one: -abs(one.share))) for origins in found]


def _with(constants: Mapping[str, AppliedConstant], name: str, value: float) -> dict[str, AppliedConstant]:
    return {**constants, name: replace(constants[name], value=value)}
