"""PEs that take one or both operands digit by digit: Stripes, UNPU, Loom.

Per lane and cycle a digit of one operand meets the other one (or a digit of it) in AND gates or a small multiplier;
a tree sums the lanes; the sum is shifted into the PE's accumulator, which holds the step's dot product. Digits come
lowest first, so the accumulator's adder is as wide as the tree's sum and each cycle retires a digit of the result.
An operand that is serial and at rest in the PE (ws: weights, is: activations) is read through a digit selector.
Left out: the complement of a signed operand's top digit, and the controller that a row shares.
"""

from __future__ import annotations

from accel_sim.energy.gates import NOTHING, Cost, Values, adder, adder_tree, clog2, product, register, selector
from accel_sim.energy.step import PeStep, serial_step
from accel_sim.hardware.schema import ArrayConfig

__all__ = ["serial_act", "serial_both", "serial_weight"]


def serial_act(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """Stripes: whole weights, activations digit by digit."""
    return _one_serial(values, array, a_bits, w_bits, at_rest=array.dataflow == "is")


def serial_weight(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """UNPU (its lookup tables apart): whole activations, weights digit by digit."""
    return _one_serial(values, array, w_bits, a_bits, at_rest=array.dataflow == "ws")


def _one_serial(values: Values, array: ArrayConfig, serial_bits: int, whole_bits: int, *, at_rest: bool) -> PeStep:
    digit = min(array.digit_bits, serial_bits)
    lane = product(values, whole_bits, digit)
    if at_rest:
        lane += _digit_selector(values, serial_bits, digit)
    term_bits = whole_bits + (digit if digit > 1 else 0)
    sum_bits = term_bits + clog2(array.lanes)
    logic = lane * array.lanes + adder_tree(values, array.lanes, term_bits)
    accumulator = adder(values, sum_bits) + register(values, sum_bits + serial_bits)
    return serial_step(values, logic, accumulator, adder(values, array.acc_bits))


def serial_both(values: Values, array: ArrayConfig, a_bits: int, w_bits: int) -> PeStep:
    """Loom: pairs of digits; one accumulator per digit of the slow operand, a second one over them.

    The operand that the PE holds (ws, os: the weight; is: the activation) runs fast, once for each digit of the other.
    """
    fast_bits, slow_bits = (a_bits, w_bits) if array.dataflow == "is" else (w_bits, a_bits)
    fast, slow = min(array.digit_bits, fast_bits), min(array.digit_bits, slow_bits)
    lane = product(values, fast, slow) + _digit_selector(values, fast_bits, fast)
    pair_bits = fast + slow if max(fast, slow) > 1 else 1
    logic = lane * array.lanes + adder_tree(values, array.lanes, pair_bits)
    inner_bits = pair_bits + clog2(array.lanes)
    passes = -(-fast_bits // fast)
    inner = adder(values, inner_bits) + register(values, inner_bits + fast_bits)
    outer = adder(values, inner_bits + fast_bits) + register(values, inner_bits + fast_bits + slow_bits)
    return serial_step(values, logic, inner + outer.every(passes), adder(values, array.acc_bits))


def _digit_selector(values: Values, bits: int, digit_bits: int) -> Cost:
    digits = -(-bits // digit_bits)
    return selector(values, digit_bits, digits) if digits > 1 else NOTHING
