"""Requantisation with integers: a multiplier, an offset and a shift per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compress.integer.requantize_kernel import requantize

__all__ = ["MULTIPLIER_BITS", "Ends", "Requantizer"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MULTIPLIER_BITS = 31
PRODUCT_BITS = 61
"""Of accumulator times multiplier, and of the offset; so their sum fits 64 bits."""
LARGEST_SHIFT = 62


class Ends(NamedTuple):
    """Where results are cut off, and the integer of zero; ``signs``: they are -1 and +1."""

    low: int
    high: int
    zero_point: int = 0
    signs: bool = False


@dataclass(frozen=True, eq=False)
class Requantizer:
    """``half_even((accumulator · multiplier + offset) / 2^shift)``, as Jacob et al. (CVPR 2018) requantise.

    The multiplier has up to 31 bits and a sign; wide accumulators get a shorter one, so that 64 bits hold the product.
    The offset takes the bias in, and whatever the zero point of the product's input adds to every sum.

    Attributes:
        multipliers, offsets, shifts: ``(channels,)`` int64, or ``(1,)``.
    """

    multipliers: Ints
    offsets: Ints
    shifts: Ints

    @classmethod
    def of(cls, scales: Floats, constants: Floats, corrections: Ints, largest: int, step: float) -> Requantizer:
        """For values ``(accumulator + correction) · scale + constant``, to be counted in steps.

        Args:
            scales, constants, corrections: ``(channels,)`` or ``(1,)``, all alike.
            largest: bound of the magnitudes of accumulators and of accumulators with their correction.
            step: size of a step of the results.

        >>> half = Requantizer.of(np.array([0.5]), np.array([0.25]), np.array([1]), 100, 1.0)
        >>> half.apply(np.array([[[2, 3, 4, -5]]]), Ends(-127, 127))  # 1.75, 2.25, 2.75, -1.75
        array([[[ 2,  2,  3, -2]]])
        """
        ratios, steps = scales / step, constants / step
        room = min(MULTIPLIER_BITS, PRODUCT_BITS - int(largest).bit_length())
        shifts = np.array([_shift(ratio, step, room) for ratio, step in zip(ratios, steps, strict=True)], np.int64)
        # a float64 times a power of two is exact; beyond the ends every result saturates
        multipliers = np.rint(np.clip(np.ldexp(ratios, shifts), -(2.0**room), 2.0**room)).astype(np.int64)
        most = 2.0 ** (PRODUCT_BITS - 1)
        offsets = np.rint(np.clip(np.ldexp(steps, shifts), -most, most)).astype(np.int64) + multipliers * corrections
        return cls(multipliers, offsets, shifts)

    def apply(self, sums: Ints, ends: Ends) -> Ints:
        """Requantise ``(outer, channels, inner)`` accumulators."""
        integers = np.empty_like(sums)
        requantize(sums, self.multipliers, self.offsets, self.shifts, *ends, integers)
        return integers


def _shift(ratio: float, step: float, room: int) -> int:
    """The largest shift with which the multiplier has ``room`` bits and the offset :data:`PRODUCT_BITS`."""
    shift = LARGEST_SHIFT
    if ratio:
        shift = min(shift, room - int(np.frexp(ratio)[1]))
    if step:
        shift = min(shift, PRODUCT_BITS - 1 - int(np.frexp(step)[1]))
    return max(shift, 0)
