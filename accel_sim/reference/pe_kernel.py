"""A processing element's datapath, and the encoder at the edge of a line: one cycle of each, on real integers.

The *own* operand of a line moves along it; the *other* operand rests in the PE (ws, is) or crosses the lines (os).
A PE's state is a few entries of flat arrays, addressed by its line and its place in the line.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from accel_sim.reference.detector_kernel import within_reach
from accel_sim.reference.digits_kernel import (
    brick_products,
    digit,
    encode_terms,
    is_last_digit,
    lowest_term,
    piece,
)
from accel_sim.reference.spec import DIGITS, TERMS

__all__ = [
    "ADDITIONS",
    "BRICKS",
    "BUSY_CYCLES",
    "COPY",
    "COUNTERS",
    "DECODES",
    "EFFECTUAL",
    "FIFO_BITS",
    "FINISH",
    "FIRST",
    "GATED",
    "GATED_CYCLES",
    "HAND_OVER",
    "LAST",
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
    "check_line",
    "entry_at",
    "multiply_line",
    "next_entry",
    "present_piece",
    "start_line",
]

PIECES, LOCAL_TERMS, PAIRS, BRICKS = range(4)
"""What a PE multiplies in a cycle: a piece of the own operand by (a digit of) the other; the own operand by a term of
the other that the PE encodes itself; a pair of terms; as many 2×2-bit products as there are bricks."""

WORK, START, FINISH, FIRST, LAST, COPY, HAND_OVER = 1, 2, 4, 8, 16, 32, 64
"""Control bits that a line's controller sends along with the operands: the cycle multiplies; it is a step's first; it
is its last; no sum comes from above (ws, is); the step is the fold's last; the shadow register is copied first (ws,
is); the sum moves to the shadow afterwards (os)."""

(
    EFFECTUAL, GATED, MULTIPLIER_CYCLES, GATED_CYCLES, ADDITIONS, OPERAND_BITS, PSUM_BITS, STATIONARY_BITS,
    FIFO_BITS, DECODES, UNFINISHED, BUSY_CYCLES, COUNTERS,
) = range(13)  # fmt: skip
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
    bidirectional: bool
    window: int
    bricks_per_cycle: int
    gate_own: bool
    gate_other: bool
    own_is_selected: bool
    decodes: bool
    own_dynamic: bool
    other_dynamic: bool
    own_signed: bool
    other_signed: bool


@njit(cache=True, inline="always")
def next_entry(entry, depth):
    """The entry of a ring after ``entry``; a comparison, since a division would be the dearest operation of a PE."""
    entry += 1
    return 0 if entry == depth else entry


@njit(cache=True, inline="always")
def entry_at(first, count, depth):
    """The entry of a ring ``count`` (at most ``depth``) after ``first``."""
    entry = first + count
    return entry - depth if entry >= depth else entry


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
def start_line(path, control, extent, raw, line, now, select, value, terms, lanes_busy, counters):
    """PEs of a line whose step begins take its operands: what is gated, and the terms that they will encode."""
    ring = control.shape[1]
    slot = now + 1
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if not control[line, slot] & START or p >= extent[line, slot]:
            continue
        effectual, gated = 0, 0
        for lane in range(path.lanes):
            selected = select[line, p, lane]
            if selected < 0:
                continue
            own_at, other_at = lane_places(path, lane, selected)
            own, other = raw[line, slot, own_at], value[line, p, other_at]
            if (path.gate_own and own == 0) or (path.gate_other and other == 0):
                gated += 1
            else:
                effectual += 1
            if path.kind == LOCAL_TERMS or (path.kind == PAIRS and own != 0 and other != 0):
                terms[line, p, lane, 0], terms[line, p, lane, 1] = encode_terms(other, path.csd)
            if path.kind == PAIRS and own != 0 and other != 0:
                terms[line, p, lane, 2], terms[line, p, lane, 3] = encode_terms(own, path.csd)
        lanes_busy[line, p, 0], lanes_busy[line, p, 1] = effectual, gated
        counters[EFFECTUAL] += effectual
        counters[GATED] += gated
        counters[ADDITIONS] += effectual + gated
        if path.decodes:
            counters[DECODES] += effectual + gated


@njit(cache=True)
def multiply_line(
    path, control, extent, phase, raw, pieces, line, now, select, value, terms, lanes_busy, total, counters
):
    """One cycle of a line's multipliers: each working PE adds its lanes' partial products to its sum.

    ``phase``: ``(lines, ring, 4)``, the cycle of the step, the digit of the other operand, 1 if it is the top one, the
    digit of the own operand.
    """
    waits = path.own_style == TERMS or path.own_dynamic or path.other_dynamic  # in PIECES, lanes may have none left
    if path.kind == PIECES:
        _multiply_pieces(path, control, extent, phase, pieces, line, now, select, value, total)
        if waits:
            counters[BUSY_CYCLES] += _busy_lanes(path, control, extent, phase, raw, pieces, line, now, select, value)
    elif path.kind == BRICKS:
        _multiply_bricks(path, control, extent, phase, raw, line, now, select, value, total)
    elif path.kind == LOCAL_TERMS:
        counters[BUSY_CYCLES] += _multiply_terms(path, control, extent, raw, line, now, select, terms, total)
    else:
        counters[BUSY_CYCLES] += _multiply_pairs(path, control, extent, line, now, select, value, terms, total)
    ring = control.shape[1]
    slot = now + 1
    effectual, gated = 0, 0
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if control[line, slot] & WORK and p < extent[line, slot]:
            effectual += lanes_busy[line, p, 0]
            gated += lanes_busy[line, p, 1]
    counters[MULTIPLIER_CYCLES] += effectual
    if path.kind == BRICKS or (path.kind == PIECES and not waits):
        counters[BUSY_CYCLES] += effectual
    counters[GATED_CYCLES] += gated


@njit(cache=True)
def _multiply_pieces(path, control, extent, phase, pieces, line, now, select, value, total):
    """The edge's pieces by the other operand, or by a digit of it.

    ``bidirectional``: in the step's first cycle the edge sends the constant of most bits behind the lanes' pieces; it
    is multiplied by the sum of the other operands.
    """
    ring = control.shape[1]
    slot = now + 1
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if not control[line, slot] & WORK or p >= extent[line, slot]:
            continue
        sum_of_lanes = 0
        for lane in range(path.lanes):
            selected = select[line, p, lane]
            if selected < 0:
                continue
            own_at, other_at = lane_places(path, lane, selected)
            other = value[line, p, other_at]
            if path.other_style == DIGITS:
                other = digit(other, phase[line, slot, 1], path.other_digit_bits, phase[line, slot, 2])
            sum_of_lanes += pieces[line, slot, own_at] * other
            if path.bidirectional:
                sum_of_lanes += pieces[line, slot, path.lanes] * other
        total[line, p] += sum_of_lanes


@njit(cache=True)
def _busy_lanes(path, control, extent, phase, raw, pieces, line, now, select, value):
    """Lanes of a line that are not gated and have a piece of their own operands left: a term, or digits of both."""
    ring = control.shape[1]
    slot = now + 1
    busy = 0
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if not control[line, slot] & WORK or p >= extent[line, slot]:
            continue
        for lane in range(path.lanes):
            selected = select[line, p, lane]
            if selected < 0:
                continue
            own_at, other_at = lane_places(path, lane, selected)
            own, other = raw[line, slot, own_at], value[line, p, other_at]
            if (path.gate_own and own == 0) or (path.gate_other and other == 0):
                continue
            if path.own_style == TERMS:
                busy += pieces[line, slot, own_at] != 0
                continue
            left = not path.own_dynamic or _holds_digit(
                own, phase[line, slot, 3], path.own_digit_bits, path.own_bits, path.own_signed
            )
            other_left = not path.other_dynamic or _holds_digit(
                other, phase[line, slot, 1], path.other_digit_bits, path.other_bits, path.other_signed
            )
            busy += left and other_left
    return busy


@njit(cache=True, inline="always")
def _holds_digit(value, index, size, bits, signed):
    """Whether the shortest width that holds ``value`` reaches digit ``index``; digit 0 belongs to every value."""
    return index == 0 or not is_last_digit(value, index - 1, size, bits, signed, True)


@njit(cache=True)
def _multiply_bricks(path, control, extent, phase, raw, line, now, select, value, total):
    """As many 2×2-bit products of every lane as there are bricks."""
    ring = control.shape[1]
    slot = now + 1
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if not control[line, slot] & WORK or p >= extent[line, slot]:
            continue
        first = phase[line, slot, 0] * path.bricks_per_cycle
        for lane in range(path.lanes):
            selected = select[line, p, lane]
            if selected < 0:
                continue
            own_at, other_at = lane_places(path, lane, selected)
            own, other = raw[line, slot, own_at], value[line, p, other_at]
            last = first + path.bricks_per_cycle
            total[line, p] += brick_products(own, other, path.own_bits, path.other_bits, first, last)


@njit(cache=True)
def _multiply_terms(path, control, extent, raw, line, now, select, terms, total):
    """The PE's encoder retires a term of the other operand in each lane within reach; returns how many lanes do that
    for a multiplication that is not gated.
    """
    ring = control.shape[1]
    slot = now + 1
    busy = 0
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if not control[line, slot] & WORK or p >= extent[line, slot]:
            continue
        reach = 0
        for lane in range(path.lanes):
            term = lowest_term(terms[line, p, lane, 0], terms[line, p, lane, 1])
            if term and (reach == 0 or term < reach):
                reach = term
        for lane in range(path.lanes):
            term = lowest_term(terms[line, p, lane, 0], terms[line, p, lane, 1])
            if term == 0 or not within_reach(term, reach, path.window):
                continue
            own_at, _ = lane_places(path, lane, select[line, p, lane])
            own = raw[line, slot, own_at]
            total[line, p] += own * term if terms[line, p, lane, 0] & term else -own * term
            terms[line, p, lane, 0] &= ~term
            terms[line, p, lane, 1] &= ~term
            busy += own != 0 or not path.gate_own
    return busy


@njit(cache=True)
def _multiply_pairs(path, control, extent, line, now, select, value, terms, total):
    """Each lane multiplies its next pair of terms, the other operand's terms fastest; returns how many lanes do."""
    ring = control.shape[1]
    slot = now + 1
    busy = 0
    for p in range(select.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if not control[line, slot] & WORK or p >= extent[line, slot]:
            continue
        for lane in range(path.lanes):
            own_plus, own_minus = terms[line, p, lane, 2], terms[line, p, lane, 3]
            plus, minus = terms[line, p, lane, 0], terms[line, p, lane, 1]
            own_term, term = lowest_term(own_plus, own_minus), lowest_term(plus, minus)
            if own_term == 0:
                continue
            negative = (plus & term == 0) != (own_plus & own_term == 0)
            total[line, p] += -own_term * term if negative else own_term * term
            plus, minus = plus & ~term, minus & ~term
            if plus | minus == 0:
                own_plus, own_minus = own_plus & ~own_term, own_minus & ~own_term
                if own_plus | own_minus:
                    _, other_at = lane_places(path, lane, select[line, p, lane])
                    plus, minus = encode_terms(value[line, p, other_at], path.csd)
            terms[line, p, lane, 0], terms[line, p, lane, 1] = plus, minus
            terms[line, p, lane, 2], terms[line, p, lane, 3] = own_plus, own_minus
            busy += 1
    return busy


@njit(cache=True)
def check_line(path, control, extent, line, now, terms, counters):
    """Count the lanes that still hold terms although their step ends in this cycle: none ever should."""
    if path.kind != LOCAL_TERMS and path.kind != PAIRS:
        return
    ring = control.shape[1]
    slot = now + 1
    for p in range(terms.shape[1]):
        slot = slot - 1 if slot > 0 else ring - 1
        if control[line, slot] & FINISH and p < extent[line, slot]:
            for lane in range(path.lanes):
                if terms[line, p, lane, 0] | terms[line, p, lane, 1]:
                    counters[UNFINISHED] += 1
