"""Kernels of the edges' detectors: operands are taken apart as the PEs will do it, and the cycles counted."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from accel_sim.reference.digits_kernel import encode_terms, is_last_digit, lowest_term

__all__ = ["exhaust_digits", "exhaust_minorities", "exhaust_pairs", "exhaust_terms", "within_reach"]


@njit(cache=True)
def exhaust_digits(sets, size, bits, signed, dynamic, counts):
    """Digits until no lane of a set has one left, into ``counts`` (sets,)."""
    for s in range(sets.shape[0]):
        index = 0
        busy = True
        while busy:
            busy = False
            for lane in range(sets.shape[1]):
                if not is_last_digit(sets[s, lane], index, size, bits, signed, dynamic):
                    busy = True
            index += 1
        counts[s] = index


@njit(cache=True)
def exhaust_terms(sets, csd, window, counts):
    """Cycles until the lanes of a set have retired all terms, at least 1, into ``counts`` (sets,)."""
    lanes = sets.shape[1]
    plus, minus = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
    for s in range(sets.shape[0]):
        for lane in range(lanes):
            plus[lane], minus[lane] = encode_terms(sets[s, lane], csd)
        cycles = 0
        while _retire_terms(plus, minus, window):
            cycles += 1
        counts[s] = max(cycles, 1)


@njit(cache=True)
def exhaust_minorities(sets, real, counts):
    """Columns of each set's ``real`` lanes that hold zeros and ones, at least 1, into ``counts`` (sets,)."""
    for s in range(sets.shape[0]):
        width = 1
        for lane in range(sets.shape[1]):
            while real[s, lane] and not -(1 << width - 1) <= sets[s, lane] < 1 << width - 1:
                width += 1
        mixed = 0
        for position in range(width):
            zeros, ones = 0, 0
            for lane in range(sets.shape[1]):
                if real[s, lane]:
                    ones += sets[s, lane] >> position & 1
                    zeros += ~sets[s, lane] >> position & 1
            mixed += zeros > 0 and ones > 0
        counts[s] = max(mixed, 1)


@njit(cache=True)
def _retire_terms(plus, minus, window):
    """One cycle of a PE's encoder: each lane within reach of the lowest term loses its own; False if none was left."""
    reach = 0
    for lane in range(len(plus)):
        term = lowest_term(plus[lane], minus[lane])
        if term and (reach == 0 or term < reach):
            reach = term
    if reach == 0:
        return False
    for lane in range(len(plus)):
        term = lowest_term(plus[lane], minus[lane])
        if term and within_reach(term, reach, window):
            plus[lane] &= ~term
            minus[lane] &= ~term
    return True


@njit(cache=True, inline="always")
def within_reach(term, lowest, window):
    """Whether the shifter of the first stage covers ``term``: fewer than ``window`` positions above ``lowest``."""
    distance = 0
    while term > lowest and distance < window:
        term >>= 1
        distance += 1
    return distance < window


@njit(cache=True)
def exhaust_pairs(sent, select, value, csd, per_step, counts):
    """Cycles until the slowest lane of a row is done with its pairs, at least 1, into ``counts`` (steps, rows)."""
    for t in range(sent.shape[0]):
        for row in range(sent.shape[1]):
            place = t if per_step else row
            slowest = 1
            for c in range(select.shape[1]):
                for lane in range(select.shape[2]):
                    if select[place, c, lane] < 0:
                        continue
                    x_plus, x_minus = encode_terms(sent[t, row, select[place, c, lane]], csd)
                    w_plus, w_minus = encode_terms(value[place, c, lane], csd)
                    slowest = max(slowest, _pair_cycles(x_plus | x_minus, w_plus | w_minus))
            counts[t, row] = slowest


@njit(cache=True)
def _pair_cycles(x_terms, w_terms):
    """Cycles until every term of one operand has met every term of the other."""
    cycles = 0
    while x_terms:
        left = w_terms
        while left:
            left &= left - 1
            cycles += 1
        x_terms &= x_terms - 1
    return cycles
