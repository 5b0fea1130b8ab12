"""How long one PE step takes: the beat, one small function per kind of arithmetic.

A kind is added by writing its function and naming it in :data:`CONSTANT_BEATS`. Kinds whose beat depends on the
operands' values are timed from the data instead and are not in the table.
"""

from __future__ import annotations

from collections.abc import Callable

from accel_sim.hardware.schema import ArrayConfig

__all__ = ["CONSTANT_BEATS", "constant_beat_cycles"]


def _parallel(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """A bit-parallel multiplier takes one pass per pair of native words of the operands."""
    return -(-a_bits // array.native_bits) * -(-w_bits // array.native_bits)


CONSTANT_BEATS: dict[str, Callable[[ArrayConfig, int, int], int]] = {"parallel": _parallel}


def constant_beat_cycles(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """Cycles that one step occupies a PE where that depends on nothing but the widths.

    >>> constant_beat_cycles(ArrayConfig(rows=4, cols=4, native_bits=8), a_bits=16, w_bits=8)
    2
    """
    return CONSTANT_BEATS[array.arithmetic](array, a_bits, w_bits)
