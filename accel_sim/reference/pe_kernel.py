"""A processing element's datapath, and the encoder at the edge of a line: one cycle of each, on real integers.

The *own* operand of a line moves along it; the *other* operand rests in the PE (ws, is) or crosses the lines (os).
A PE's state is a few entries of flat arrays, addressed by its line and its place in the line.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from accel_sim.reference.detector_kernel import within_reach
from accel_sim.reference.digits_kernel import brick_products, encode_terms, lowest_term, piece
from accel_sim.reference.spec import TERMS

__all__ = [
    "ADDITIONS",
    "BRICKS",
    "COPY",
    "COUNTERS",
    "DECODES",
    "EFFECTUAL",
    "FIFO_BITS",
    "FINISH",
    "GATED",
    "GATED_CYCLES",
    "HAND_OVER",
    "LOCAL_TERMS",
    "MULTIPLIER_CYCLES",
    "OPERAND_BITS",
    "PAIRS",
    "PIECES",
    "PSUM_BITS",
    "START",
    "STATIONARY_BITS",
    "UNFINISHED",
    "WORK",
    "Datapath",
    "busy_lanes",
    "multiply",
    "present_piece",
    "start_step",
]

PIECES, LOCAL_TERMS, PAIRS, BRICKS = range(4)
"""What a PE multiplies in a cycle: a piece of the own operand by (a digit of) the other; the own operand by a term of
the other that the PE encodes itself; a pair of terms; as many 2×2-bit products as there are bricks."""

WORK, START, FINISH, COPY, HAND_OVER = 1, 2, 4, 8, 16
"""Control bits that a line's controller sends along with the operands: the cycle multiplies; it is a step's first; it
is its last; the shadow register is copied first (ws, is); the sum moves to the shadow afterwards (os)."""

(
    EFFECTUAL, GATED, MULTIPLIER_CYCLES, GATED_CYCLES, ADDITIONS, OPERAND_BITS, PSUM_BITS, STATIONARY_BITS,
    FIFO_BITS, DECODES, UNFINISHED, COUNTERS,
) = range(12)  # fmt: skip
"""Entries of the kernels' counters; ``UNFINISHED`` counts PEs whose operands were not exhausted when a step ended."""


class Datapath(NamedTuple):
    """The arithmetic of a PE as numbers; ``own`` and ``other`` are the two operands of a line."""

    kind: int
    lanes: int
    own_style: int
    own_digit_bits: int
    other_style: int
    other_digit_bits: int
    own_bits: int
    other_bits: int
    csd: bool
    window: int
    bricks_per_cycle: int
    gate_own: bool
    gate_other: bool
    own_is_selected: bool
    decodes: bool


@njit(cache=True, inline="always")
def lane_places(path, lane, selected):
    """Where a lane finds its own and its other operand: an index picks one of the edge's candidates."""
    if path.own_is_selected:
        return selected, lane
    return lane, selected


@njit(cache=True)
def present_piece(path, raw, plus, minus, pieces, line, slot, index, last):
    """One cycle of the encoder at the edge of ``line``: the piece of each operand, into ring entry ``slot``."""
    width = raw.shape[2]
    if path.own_style != TERMS or path.kind == PAIRS:
        for e in range(width):
            pieces[line, slot, e] = piece(raw[line, slot, e], path.own_style, index, path.own_digit_bits, last)
        return
    reach = 0
    for e in range(width):
        term = lowest_term(plus[line, e], minus[line, e])
        if term and (reach == 0 or term < reach):
            reach = term
    for e in range(width):
        pieces[line, slot, e] = 0
        term = lowest_term(plus[line, e], minus[line, e])
        if term and within_reach(term, reach, path.window):
            pieces[line, slot, e] = term if plus[line, e] & term else -term
            plus[line, e] &= ~term
            minus[line, e] &= ~term


@njit(cache=True)
def start_step(path, raw, line, slot, select, value, terms, lanes_busy, i, j, counters):
    """A PE takes a step's operands: which multiplications are gated, and the terms that it encodes itself."""
    effectual, gated = 0, 0
    for lane in range(path.lanes):
        selected = select[i, j, lane]
        terms[i, j, lane, 0] = terms[i, j, lane, 1] = terms[i, j, lane, 2] = terms[i, j, lane, 3] = 0
        if selected < 0:
            continue
        own_at, other_at = lane_places(path, lane, selected)
        own, other = raw[line, slot, own_at], value[i, j, other_at]
        if (path.gate_own and own == 0) or (path.gate_other and other == 0):
            gated += 1
        else:
            effectual += 1
        if path.kind == LOCAL_TERMS or (path.kind == PAIRS and own != 0 and other != 0):
            terms[i, j, lane, 0], terms[i, j, lane, 1] = encode_terms(other, path.csd)
        if path.kind == PAIRS and own != 0 and other != 0:
            terms[i, j, lane, 2], terms[i, j, lane, 3] = encode_terms(own, path.csd)
    lanes_busy[i, j, 0], lanes_busy[i, j, 1] = effectual, gated
    counters[EFFECTUAL] += effectual
    counters[GATED] += gated
    counters[ADDITIONS] += effectual + gated
    if path.decodes:
        counters[DECODES] += effectual + gated


@njit(cache=True)
def multiply(path, raw, pieces, line, slot, select, value, terms, i, j, part, index, last):
    """The sum of the lanes' partial products in one cycle of PE ``(i, j)``.

    ``part``: cycle of the step (bricks); ``index``, ``last``: digit of the other operand, whether it is the top one.
    """
    total = 0
    if path.kind == PIECES:
        for lane in range(path.lanes):
            selected = select[i, j, lane]
            if selected >= 0:
                own_at, other_at = lane_places(path, lane, selected)
                other = piece(value[i, j, other_at], path.other_style, index, path.other_digit_bits, last)
                total += pieces[line, slot, own_at] * other
        return total
    if path.kind == BRICKS:
        first = part * path.bricks_per_cycle
        for lane in range(path.lanes):
            selected = select[i, j, lane]
            if selected >= 0:
                own_at, other_at = lane_places(path, lane, selected)
                own, other = raw[line, slot, own_at], value[i, j, other_at]
                total += brick_products(
                    own, other, path.own_bits, path.other_bits, first, first + path.bricks_per_cycle
                )
        return total
    if path.kind == LOCAL_TERMS:
        return _multiply_terms(path, raw, line, slot, select, terms, i, j)
    return _multiply_pairs(path, select, value, terms, i, j)


@njit(cache=True)
def _multiply_terms(path, raw, line, slot, select, terms, i, j):
    """The PE's encoder retires a term of the other operand in each lane within reach."""
    total, reach = 0, 0
    for lane in range(path.lanes):
        term = lowest_term(terms[i, j, lane, 0], terms[i, j, lane, 1])
        if term and (reach == 0 or term < reach):
            reach = term
    for lane in range(path.lanes):
        term = lowest_term(terms[i, j, lane, 0], terms[i, j, lane, 1])
        if term == 0 or not within_reach(term, reach, path.window):
            continue
        own_at, _ = lane_places(path, lane, select[i, j, lane])
        own = raw[line, slot, own_at]
        total += own * term if terms[i, j, lane, 0] & term else -own * term
        terms[i, j, lane, 0] &= ~term
        terms[i, j, lane, 1] &= ~term
    return total


@njit(cache=True)
def _multiply_pairs(path, select, value, terms, i, j):
    """Each lane multiplies its next pair of terms; the other operand's terms run fastest."""
    total = 0
    for lane in range(path.lanes):
        own_term = lowest_term(terms[i, j, lane, 2], terms[i, j, lane, 3])
        if own_term == 0:
            continue
        term = lowest_term(terms[i, j, lane, 0], terms[i, j, lane, 1])
        negative = (terms[i, j, lane, 0] & term == 0) != (terms[i, j, lane, 2] & own_term == 0)
        total += -own_term * term if negative else own_term * term
        terms[i, j, lane, 0] &= ~term
        terms[i, j, lane, 1] &= ~term
        if terms[i, j, lane, 0] | terms[i, j, lane, 1]:
            continue
        terms[i, j, lane, 2] &= ~own_term
        terms[i, j, lane, 3] &= ~own_term
        if terms[i, j, lane, 2] | terms[i, j, lane, 3]:
            _, other_at = lane_places(path, lane, select[i, j, lane])
            terms[i, j, lane, 0], terms[i, j, lane, 1] = encode_terms(value[i, j, other_at], path.csd)
    return total


@njit(cache=True)
def busy_lanes(path, terms, i, j):
    """Lanes of a PE that still hold terms of their operands; 0 at the end of every step."""
    busy = 0
    if path.kind == LOCAL_TERMS or path.kind == PAIRS:
        for lane in range(path.lanes):
            if terms[i, j, lane, 0] | terms[i, j, lane, 1]:
                busy += 1
    return busy
