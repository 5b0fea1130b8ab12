"""What the actions of a layer cost on a machine, as a flat vector for the mapper's kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import constant_beat_cycles, hop_bits
from accel_sim.counts import ArrayCounts, DramCounts, LayerActions, MacCounts, SramCounts
from accel_sim.energy.model import layer_energy
from accel_sim.energy.sparsity import edge_prices_pj_per_bit
from accel_sim.layer_run import own_vector_operations
from accel_sim.machine import Machine
from accel_sim.schedule import ArrayWork

__all__ = ["price_vector", "word_bits"]


def price_vector(machine: Machine, work: ArrayWork) -> NDArray[np.float64]:
    """Prices in the order of :mod:`accel_sim.mapping.search_kernel`."""
    energy, packing, layer = machine.energy, work.packing, work.layer
    beat = constant_beat_cycles(machine.hardware.array, layer.a_bits, layer.w_bits)
    sparsity = energy.sparsity
    a_enter = edge_prices_pj_per_bit(sparsity, sparsity.activations, layer.a_bits, beat)
    w_enter = edge_prices_pj_per_bit(sparsity, sparsity.weights, layer.w_bits, beat)
    a_decode = packing.activations_there * sparsity.decode_pj / layer.a_bits
    w_decode = packing.weights_there * sparsity.decode_pj / layer.w_bits
    return np.array(
        [
            _of_any_tiling(machine, work, beat),
            8 * energy.dram_pj_per_bit,
            energy.activations_sram.read_pj * packing.activations_read,
            energy.activations_sram.write_pj,
            energy.weights_sram.read_pj * packing.weights_read,
            energy.weights_sram.write_pj,
            energy.outputs_sram.read_pj,
            energy.outputs_sram.write_pj,
            a_enter * packing.activations_read + a_decode,
            w_enter * packing.weights_read + w_decode,
            energy.register_pj_per_bit,
            energy.fifo_pj_per_bit,
            energy.leakage_pj_per_cycle,
        ]
    )


def _of_any_tiling(machine: Machine, work: ArrayWork, beat: int) -> float:
    """Energy of what happens alike however the layer is cut, pJ."""
    layer, macs = work.layer, work.layer.macs
    array = ArrayCounts(
        macs=MacCounts(total=macs, effectual=macs),
        multiplier_cycles=macs * beat,
        busy_cycles=macs * beat,
        additions=macs,
        operand_hop_bits=macs * sum(hop_bits(machine.hardware.array, layer.a_bits, layer.w_bits)),
    )
    vector = own_vector_operations(layer)
    actions = LayerActions(layer.a_bits, layer.w_bits, array, SramCounts(), DramCounts(), vector, cycles=0)
    return layer_energy(actions, machine.energy).total


def word_bits(machine: Machine) -> tuple[int, int, int]:
    """Bits of a word of the activation, weight and output SRAM."""
    buffers = machine.hardware.buffers
    return buffers.activations.word_bits, buffers.weights.word_bits, buffers.outputs.word_bits
