"""Kernel: fixed-point requantisation."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from accel_sim.jit import kernel

__all__ = ["requantize"]


@kernel
def requantize(sums, multipliers, offsets, shifts, low, high, zero_point, signs, integers):
    """``integers = clip(half_even((sums·multiplier + offset) / 2^shift) + zero_point, low, high)``.

    ``sums (outer, channels, inner)`` int64; ``multipliers, offsets, shifts (channels,)`` int64, or ``(1,)`` for all
    channels; ``integers`` int64 in the shape of ``sums``. With ``signs`` the integers are -1 below zero, else +1.
    """
    outer, channels, inner = sums.shape
    several = len(shifts) > 1
    for o in range(outer):
        for c in range(channels):
            entry = c if several else 0
            multiplier, offset, shift = multipliers[entry], offsets[entry], shifts[entry]
            half = (1 << shift) >> 1
            rest_mask = (1 << shift) - 1
            for i in range(inner):
                exact = sums[o, c, i] * multiplier + offset
                if signs:
                    integers[o, c, i] = -1 if exact < 0 else 1
                    continue
                value = exact >> shift  # rounds down, negative numbers too
                rest = exact & rest_mask
                if rest > half or (rest == half and half and value & 1):
                    value += 1
                integers[o, c, i] = min(max(value + zero_point, low), high)
