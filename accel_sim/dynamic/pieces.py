"""How many pieces (digits or terms) a PE takes of each value: lookup tables over an operand's whole range.

A cost byte holds the number of pieces in its low seven bits and in its high bit whether the value is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import ArrayConfig
from accel_sim.operand_checks import operand_range

__all__ = ["NONZERO", "PIECES", "Intake", "cost_table", "costs_of_terms", "intakes", "term_masks"]

NONZERO, PIECES = 0x80, 0x7F

_DIGIT_SERIAL = {"serial_act": "a", "serial_weight": "w", "serial_both": "aw", "parallel": "aw"}
_TERM_SERIAL = {"term_serial_act": "a", "term_serial_weight": "w", "term_serial_both": "aw"}


@dataclass(frozen=True)
class Intake:
    """How a PE takes one operand: ``terms`` one effectual term at a time, else ``digit_bits`` at a time.

    ``serial`` is ``False`` for the operand that a PE takes whole. ``dynamic``: the width is the shortest that holds
    the values. ``bidirectional``: terms depend on the other lanes' values too, and no table holds them
    (:mod:`accel_sim.dynamic.bidirectional_kernel`).
    """

    bits: int
    signed: bool
    serial: bool
    terms: bool = False
    csd: bool = False
    digit_bits: int = 1
    dynamic: bool = False
    bidirectional: bool = False

    @property
    def data_dependent(self) -> bool:
        """Whether the number of pieces depends on the value."""
        return self.serial and (self.terms or self.dynamic)

    @property
    def constant(self) -> int:
        """Pieces where they do not depend on the value."""
        return -(-self.bits // self.digit_bits) if self.serial and not self.terms else 1


def intakes(array: ArrayConfig, a_bits: int, w_bits: int, a_signed: bool, w_signed: bool) -> tuple[Intake, Intake]:
    """Intakes of activations and weights (``fused`` takes both whole; its beat is a constant)."""
    digits, terms = _DIGIT_SERIAL.get(array.arithmetic, ""), _TERM_SERIAL.get(array.arithmetic, "")
    digit_bits = array.native_bits if array.arithmetic == "parallel" else array.digit_bits
    made = []
    for name, bits, signed in (("a", a_bits, a_signed), ("w", w_bits, w_signed)):
        made.append(
            Intake(
                bits=bits,
                signed=signed,
                serial=name in digits or name in terms,
                terms=name in terms,
                csd=array.encoding == "csd",
                digit_bits=digit_bits,
                dynamic=array.precision == "dynamic",
                bidirectional=array.encoding == "bidirectional" and name in terms,
            )
        )
    return made[0], made[1]


@lru_cache(maxsize=128)
def cost_table(intake: Intake) -> NDArray[np.uint8]:
    """Cost byte of every value, indexed by the value; negative values from the end (as NumPy indexes)."""
    values = _values(intake)
    if intake.serial and intake.terms:
        pieces = np.bitwise_count(_masks(values, intake.csd)).astype(np.int64)
    elif intake.serial and intake.dynamic:
        pieces = -(-_widths(values, intake) // intake.digit_bits)
    else:
        pieces = np.full(values.shape, intake.constant)
    return (pieces + np.where(values != 0, NONZERO, 0)).astype(np.uint8)


@lru_cache(maxsize=128)
def term_masks(intake: Intake) -> NDArray[np.uint32]:
    """Bit positions of every value's effectual terms, indexed as :func:`cost_table`."""
    return _masks(_values(intake), intake.csd)


def costs_of_terms(masks: NDArray[np.uint32], values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Cost bytes of ``values`` whose terms are ``masks``, of the same shape."""
    return (np.bitwise_count(masks) + np.where(values != 0, NONZERO, 0)).astype(np.uint8)


def _values(intake: Intake) -> NDArray[np.int64]:
    """The operand's values in the order of a table: 0 and up, then the negative ones."""
    low, high = operand_range(intake.bits, intake.signed)
    return np.concatenate([np.arange(high + 1), np.arange(low, 0)])


def _masks(values: NDArray[np.int64], csd: bool) -> NDArray[np.uint32]:
    """Ones of the magnitude, or digits of its canonical signed-digit form, ``(3v ^ v) >> 1`` (Reitwiesner 1960)."""
    magnitude = np.abs(values).astype(np.uint32)
    return (magnitude * np.uint32(3) ^ magnitude) >> np.uint32(1) if csd else magnitude


def _widths(values: NDArray[np.int64], intake: Intake) -> NDArray[np.int64]:
    """Shortest two's-complement (signed) or binary (unsigned) width that holds each value, at least 1."""
    if intake.signed and intake.bits == 1:
        return np.ones(values.shape, np.int64)
    magnitude = np.where(values < 0, ~values, values)
    length = np.zeros(values.shape, np.int64)
    for bit in range(intake.bits):
        length[magnitude >> bit > 0] = bit + 1
    return np.maximum(1, length + 1 if intake.signed else length)
