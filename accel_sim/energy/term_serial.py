"""PEs that take one or both operands term by term: Pragmatic, Bitlet, BitWave, Laconic.

A term is a sign, a position and a valid bit, held in a register per lane and cycle. Operands that move are encoded at
the array's edge (:mod:`accel_sim.energy.sparsity` prices that); one at rest in the PE is encoded there, per lane and
cycle. A lane without a term left holds its logic still but for its idle share; its term's register and its share of the
accumulator are clocked on. A moving operand's term register is the one that the next PE takes the term from: its hops
are not counted besides (:func:`accel_sim.array.beats.hop_bits`).
"""

from __future__ import annotations

from accel_sim.energy.bidirectional import bidirectional_weight
from accel_sim.energy.gates import (
    Cost,
    Values,
    adder,
    adder_tree,
    clog2,
    encoder,
    register,
    selector,
    shifter,
)
from accel_sim.energy.step import PeStep, serial_step
from accel_sim.hardware.schema import ArrayConfig

__all__ = ["term_bits", "term_serial_act", "term_serial_both", "term_serial_weight"]


def term_bits(positions: int) -> int:
    """Bits of one term in one of ``positions``: position, sign, valid."""
    return clog2(positions) + 2


def term_serial_act(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """Pragmatic: each lane adds its weight, shifted by a term of its activation."""
    return _one_serial(values, array, a_bits, w_bits, at_rest=array.dataflow == "is")


def term_serial_weight(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """Bitlet, BitWave: each lane adds its activation, shifted by a term of its weight."""
    if array.encoding == "bidirectional":
        return bidirectional_weight(values, array, a_bits, w_bits)
    return _one_serial(values, array, w_bits, a_bits, at_rest=array.dataflow == "ws")


def _one_serial(values: Values, array: ArrayConfig, serial_bits: int, whole_bits: int, *, at_rest: bool) -> PeStep:
    """Per lane: negate, shift within the window; tree over the lanes; shift by the window's place; accumulate."""
    window = serial_bits if array.term_window is None else min(serial_bits, 1 << array.term_window)
    # Negation: an inverter and a 2:1 choice per bit; the carry goes into the tree.
    lane = selector(values, whole_bits, 2) + shifter(values, whole_bits, window)
    shifted_bits = whole_bits + window - 1
    logic = lane * array.lanes + adder_tree(values, array.lanes, shifted_bits)
    if at_rest:
        logic += _local_encoders(values, array.lanes, serial_bits, window)
    result_bits = whole_bits + serial_bits + clog2(array.lanes)
    clocked = register(values, term_bits(window)) * array.lanes
    if window < serial_bits:
        logic += shifter(values, shifted_bits + clog2(array.lanes), serial_bits)
        clocked += register(values, clog2(serial_bits))
    clocked += adder(values, result_bits) + register(values, result_bits)
    return serial_step(values, logic, clocked, adder(values, array.acc_bits))


def _local_encoders(values: Values, lanes: int, bits: int, window: int) -> Cost:
    """Encoders for operands at rest: one per lane; or, if all lanes take the same position, one over their columns."""
    if window > 1:
        return encoder(values, bits) * lanes
    return encoder(values, bits) + selector(values, 1, bits) * lanes


def term_serial_both(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """Laconic: each lane adds the positions of a pair of terms and decodes the sum to a power of two.

    The operand that the PE holds (ws, os: the weight; is: the activation) is encoded there, anew for each other term.
    Its histogram of the lanes' powers is taken as an adder tree of the products' full width.
    """
    result_bits = a_bits + w_bits + clog2(array.lanes)
    lane = adder(values, max(clog2(a_bits), clog2(w_bits), 1)) + selector(values, a_bits + w_bits, 2)
    lane += encoder(values, a_bits if array.dataflow == "is" else w_bits)
    logic = lane * array.lanes + adder_tree(values, array.lanes, a_bits + w_bits)
    clocked = register(values, term_bits(a_bits) + term_bits(w_bits)) * array.lanes
    clocked += adder(values, result_bits) + register(values, result_bits)
    return serial_step(values, logic, clocked, adder(values, array.acc_bits))
