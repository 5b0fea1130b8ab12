"""Jitted parts of a PE and of the edges' encoders: pieces of an operand, as a serial multiplier takes them."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from numba import njit

from accel_sim.reference.spec import DIGITS

__all__ = ["brick_products", "digit", "encode_minority", "encode_terms", "is_last_digit", "lowest_term", "piece"]


@njit(cache=True, inline="always")
def digit(value, index, size, top):
    """Digit ``index`` of ``size`` bits at its place; the top digit carries the sign (an arithmetic shift)."""
    shifted = value >> (index * size)
    if not top:
        shifted &= (1 << size) - 1
    return shifted << (index * size)


@njit(cache=True, inline="always")
def piece(value, style, index, size, top):
    """What a PE multiplies in one cycle: a digit of a digit-serial operand, else the whole operand."""
    if style == DIGITS:
        return digit(value, index, size, top)
    return value


@njit(cache=True, inline="always")
def is_last_digit(value, index, size, bits, signed, dynamic):
    """Whether digit ``index`` is the last: the register is empty, or (dynamic) what is left only extends the sign."""
    used = (index + 1) * size
    if used >= bits:
        return True
    if not dynamic:
        return False
    if signed:
        rest = value >> (used - 1)
        return rest == 0 or rest == -1
    return value >> used == 0


@njit(cache=True, inline="always")
def encode_terms(value, csd):
    """The effectual terms as two masks of positions, ``(plus, minus)``; ``csd``: canonical signed digits."""
    magnitude = abs(value)
    plus, minus = magnitude, 0
    if csd:
        triple = 3 * magnitude
        plus, minus = (triple & ~magnitude) >> 1, (magnitude & ~triple) >> 1
    if value < 0:
        return minus, plus
    return plus, minus


@njit(cache=True)
def encode_minority(lanes, real, plus, minus):
    """The terms of a PE's ``lanes`` whose bits differ from those of most of them, into ``plus`` and ``minus``.

    Works its way down from the sign, as wide as the widest of the ``real`` lanes (the others are padding). Returns the
    constant that most bits make: a lane's value is that constant plus its terms.
    """
    count = 0
    top = 0  # position of the sign
    for lane in range(len(lanes)):
        plus[lane], minus[lane] = 0, 0
        if real[lane]:
            count += 1
            while not -(1 << top) <= lanes[lane] < 1 << top:
                top += 1
    constant = 0
    for position in range(top, -1, -1):
        weight = -(1 << position) if position == top else 1 << position
        ones = 0
        for lane in range(len(lanes)):
            if real[lane]:
                ones += lanes[lane] >> position & 1
        skips_ones = ones > count - ones
        if skips_ones:
            constant += weight
        for lane in range(len(lanes)):
            if not real[lane] or (lanes[lane] >> position & 1) == skips_ones:
                continue
            if skips_ones == (position == top):
                plus[lane] |= 1 << position
            else:
                minus[lane] |= 1 << position
    return constant


@njit(cache=True, inline="always")
def lowest_term(plus, minus):
    """Lowest remaining term, a power of two without its sign (0 where none is left)."""
    both = plus | minus
    return both & -both


@njit(cache=True)
def brick_products(x, y, x_bits, y_bits, first, last):
    """Sum of the 2×2-bit products number ``first`` to ``last - 1`` of ``x · y``, each shifted to its place."""
    x_digits, y_digits = (x_bits + 1) // 2, (y_bits + 1) // 2
    total = 0
    for number in range(first, min(last, x_digits * y_digits)):
        i, j = number // y_digits, number % y_digits
        total += digit(x, i, 2, i == x_digits - 1) * digit(y, j, 2, j == y_digits - 1)
    return total
