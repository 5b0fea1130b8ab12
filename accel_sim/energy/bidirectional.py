"""The PE of bi-directional bit sparsity: BitVert (Chen et al., BBS, MICRO 2024; parts as in its authors' Verilog).

Each cycle takes one bit column of the weights that the lanes hold. Half as many adders as lanes sum the activations of
the column's minority; each picks its one from the lanes that may come to it (of every eight lanes, four adders with
five each). The sum, or the sum of all activations less it, is shifted and accumulated. Once per step the sum of all
activations is multiplied by the constant that the most frequent bits make: here by a multiplier as wide as the weight,
where BitVert has one of three bits that works in several cycles. That sum is made once for a row of PEs and moves along
it; the selection of lanes is made at the edge (:mod:`accel_sim.energy.sparsity`).
"""

from __future__ import annotations

from accel_sim.energy.gates import Cost, Values, adder, adder_tree, clog2, product, register, selector, shifter
from accel_sim.energy.step import PeStep
from accel_sim.hardware.schema import ArrayConfig

__all__ = ["bidirectional_weight"]

_VOTING_LANES = 8
"""Lanes among which an adder's operand is picked."""


def bidirectional_weight(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """A step of the PE; what works for a lane in the minority, and what works in every cycle of a beat."""
    lanes = array.lanes
    adders = max(1, lanes // 2)
    picked_from = min(lanes, _VOTING_LANES) // 2 + 1
    sum_bits, result_bits = a_bits + clog2(lanes), a_bits + w_bits + clog2(lanes)
    logic = selector(values, a_bits, picked_from) * adders + adder_tree(values, adders, a_bits)
    clocked = register(values, clog2(picked_from) + 1) * adders + register(values, clog2(w_bits) + 1)
    clocked += adder(values, sum_bits) + selector(values, sum_bits, 4) + shifter(values, sum_bits, w_bits)
    clocked += adder(values, result_bits) + register(values, result_bits)
    once = product(values, sum_bits, w_bits) + register(values, sum_bits + w_bits) + adder(values, array.acc_bits)
    once += adder_tree(values, lanes, a_bits) * (1 / array.cols)
    # All adders are busy where half of the lanes are: the logic's energy is spread over those.
    idle = values["multiply_idle_ratio"]
    idle_pj = idle * logic.pj + clocked.pj
    busy_pj = idle_pj + (1 - idle) * logic.pj * lanes / adders
    return PeStep(Cost(busy_pj, logic.um2 + clocked.um2), idle_pj, once)
