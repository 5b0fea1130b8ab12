"""What the reference engine must know of the machine and of one layer, as plain values.

No configuration object enters a kernel: :class:`ArraySpec` is made once from a hwconfig and answers, for each of
the two operands, *how a PE takes it*: whole, digit by digit, or term by term.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accel_sim.errors import HardwareError
from accel_sim.hardware.schema import ArrayConfig, NmSparsity

__all__ = ["DIGITS", "TERMS", "WHOLE", "ArraySpec", "Intake"]

Dataflow = Literal["ws", "is", "os"]

WHOLE, DIGITS, TERMS = 0, 1, 2
"""How a PE takes an operand: in one piece, ``digit_bits`` at a time, or one effectual term at a time."""

UNLIMITED_WINDOW = 1 << 20
"""A reach that no shift exceeds."""

_DIGIT_SERIAL = {"serial_act": "a", "serial_weight": "w", "serial_both": "aw"}
_TERM_SERIAL = {"term_serial_act": "a", "term_serial_weight": "w", "term_serial_both": "aw"}


@dataclass(frozen=True)
class Intake:
    """How a PE takes one operand.

    Attributes:
        style: :data:`WHOLE`, :data:`DIGITS` or :data:`TERMS`.
        digit_bits: bits per piece (:data:`DIGITS` only).
        bits, signed: the operand's width and kind.
        dynamic: the edge stops after the shortest width that holds the sync group's values.
        csd: terms are canonical signed digits instead of the ones of the magnitude.
        bidirectional: terms are the bits that differ from those of most of the PE's lanes.
        window: a lane retires a term less than this many positions above the PE's lowest one.

    """

    style: int
    digit_bits: int
    bits: int
    signed: bool
    dynamic: bool
    csd: bool
    bidirectional: bool
    window: int

    @property
    def data_dependent(self) -> bool:
        """Whether the number of pieces depends on the values."""
        return self.style == TERMS or (self.style == DIGITS and self.dynamic)


@dataclass(frozen=True)
class ArraySpec:
    """One array and the operands of one layer; fields as in :class:`~accel_sim.hardware.schema.ArrayConfig`.

    ``weight_sparsity`` is a name; for ``n_m`` the pattern is ``nm_keep`` of ``nm_of``.

    Raises:
        HardwareError: a combination of fields that no machine can be built from.

    >>> ArraySpec(rows=4, cols=4, arithmetic="fused", a_bits=4, w_bits=4).step_lanes
    4

    """

    rows: int
    cols: int
    lanes: int = 1
    dataflow: Dataflow = "ws"
    arithmetic: str = "parallel"
    native_bits: int = 8
    digit_bits: int = 1
    bricks: int = 16
    precision: str = "layer"
    encoding: str = "bits"
    term_window: int | None = None
    sync_rows: int = 1
    sync_cols: int = 1
    fifo_depth: int = 1
    fold_overlap: str = "preload"
    edge_folds: str = "full"
    os_drain: bool = True
    acc_bits: int = 32
    pack_limit: int = 8
    weight_sparsity: str = "none"
    nm_keep: int = 1
    nm_of: int = 1
    activation_sparsity: str = "none"
    a_bits: int = 8
    w_bits: int = 8
    a_signed: bool = False
    w_signed: bool = True

    def __post_init__(self) -> None:
        sizes = ("rows", "cols", "lanes", "fifo_depth", "sync_rows", "sync_cols")
        for name in (*sizes, "native_bits", "digit_bits", "bricks", "acc_bits", "pack_limit", "nm_keep", "nm_of"):
            if getattr(self, name) < 1:
                raise HardwareError(f"array.{name}: {getattr(self, name)}; it must be at least 1")
        _refuse(
            self.precision == "dynamic" and self.arithmetic not in {"parallel", *_DIGIT_SERIAL},
            f"array.precision: dynamic with arithmetic {self.arithmetic}; allowed with parallel and serial_*",
        )
        _refuse(
            self.term_window is not None and self.arithmetic not in {"term_serial_act", "term_serial_weight"},
            f"array.term_window: {self.term_window} with arithmetic {self.arithmetic}; "
            "allowed with term_serial_act and term_serial_weight",
        )
        kind = (self.arithmetic, self.dataflow, self.term_window, self.weight_sparsity)
        _refuse(
            self.encoding == "bidirectional" and kind != ("term_serial_weight", "os", 0, "none"),
            f"array.encoding: bidirectional with {kind}; allowed with term_serial_weight, os, term_window 0 and no "
            "weight_sparsity",
        )
        allowed = {"skip_rows": "ws, os, is", "n_m": "ws, os", "pack_columns": "ws"}.get(self.weight_sparsity, "")
        _refuse(
            bool(allowed) and self.dataflow not in allowed,
            f"array.weight_sparsity: {self.weight_sparsity} with dataflow {self.dataflow}; allowed with {allowed}",
        )
        _refuse(
            self.activation_sparsity == "skip_waves" and self.dataflow == "is",
            "array.activation_sparsity: skip_waves with dataflow is; allowed with ws, os",
        )
        _refuse(
            self.weight_sparsity == "n_m" and self.step_lanes % self.nm_keep != 0,
            f"array.lanes: {self.step_lanes} per step with weight_sparsity {self.nm_keep} of {self.nm_of}; "
            f"allowed: a multiple of {self.nm_keep}",
        )

    @classmethod
    def from_array(cls, array: ArrayConfig, *, a_bits: int, w_bits: int, a_signed: bool, w_signed: bool) -> ArraySpec:
        """The spec of one of ``array.arrays`` equal arrays for a layer's operands."""
        pattern = array.weight_sparsity
        values = {
            name: getattr(array, name)
            for name in ArrayConfig.model_fields
            if name in cls.__dataclass_fields__ and name != "weight_sparsity"
        }
        if isinstance(pattern, NmSparsity):
            values |= {"weight_sparsity": "n_m", "nm_keep": pattern.keep, "nm_of": pattern.of}
        else:
            values["weight_sparsity"] = pattern
        return cls(**values, a_bits=a_bits, w_bits=w_bits, a_signed=a_signed, w_signed=w_signed)

    @property
    def brick_products(self) -> int:
        """2×2-bit products in one multiplication of ``fused``."""
        return -(-self.a_bits // 2) * -(-self.w_bits // 2)

    @property
    def step_lanes(self) -> int:
        """Multiplications per PE and step: ``lanes``, scaled by what the bricks of ``fused`` hold."""
        scale = 1
        if self.arithmetic == "fused":
            while 2 * scale * self.brick_products <= self.bricks:
                scale *= 2
        return self.lanes * scale

    @property
    def transposed(self) -> bool:
        """Whether the array is elastic along its columns: only the operand from the top is serial."""
        return self.dataflow == "os" and self.arithmetic in {"serial_weight", "term_serial_weight"}

    @property
    def activations(self) -> Intake:
        """How a PE takes an activation."""
        return self._intake("a", self.a_bits, self.a_signed)

    @property
    def weights(self) -> Intake:
        """How a PE takes a weight."""
        return self._intake("w", self.w_bits, self.w_signed)

    def _intake(self, operand: str, bits: int, signed: bool) -> Intake:
        style, digit = WHOLE, bits
        if self.arithmetic == "parallel":
            style, digit = DIGITS, self.native_bits
        elif operand in _DIGIT_SERIAL.get(self.arithmetic, ""):
            style, digit = DIGITS, self.digit_bits
        elif operand in _TERM_SERIAL.get(self.arithmetic, ""):
            style = TERMS
        window = UNLIMITED_WINDOW if self.term_window is None else 1 << self.term_window
        return Intake(
            style=style,
            digit_bits=digit,
            bits=bits,
            signed=signed,
            dynamic=self.precision == "dynamic",
            csd=self.encoding == "csd",
            bidirectional=style == TERMS and self.encoding == "bidirectional",
            window=window,
        )


def _refuse(wrong: bool, message: str) -> None:
    if wrong:
        raise HardwareError(message)
