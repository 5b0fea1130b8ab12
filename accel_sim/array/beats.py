"""How long one PE step takes: the beat, one small function per kind of arithmetic.

A kind is added by writing its function and naming it in :data:`CONSTANT_BEATS`. Where a beat depends on the
operands' values (:func:`beat_depends_on_data`), the function gives an upper bound, and :mod:`accel_sim.dynamic` the
exact beats.
"""

from __future__ import annotations

from collections.abc import Callable

from accel_sim.hardware.schema import ArrayConfig

__all__ = [
    "CONSTANT_BEATS",
    "arrays_in_step",
    "beat_depends_on_data",
    "columns_are_elastic",
    "constant_beat_cycles",
    "counts_depend_on_data",
    "fused_beat_cycles",
    "hop_bits",
    "step_lanes",
]

Beat = Callable[[ArrayConfig, int, int], int]


def _parallel(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """A bit-parallel multiplier takes one pass per pair of native words of the operands."""
    return -(-a_bits // array.native_bits) * -(-w_bits // array.native_bits)


def _serial_act(array: ArrayConfig, a_bits: int, w_bits: int) -> int:  # noqa: ARG001, all kinds share a signature
    """Stripes: the activation digit by digit."""
    return -(-a_bits // array.digit_bits)


def _serial_weight(array: ArrayConfig, a_bits: int, w_bits: int) -> int:  # noqa: ARG001
    """UNPU: the weight digit by digit."""
    return -(-w_bits // array.digit_bits)


def _serial_both(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """Loom: every pair of digits."""
    return -(-a_bits // array.digit_bits) * -(-w_bits // array.digit_bits)


def _fused(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """BitFusion: bricks of 2×2 bits; more of them than a PE has take several cycles, a power of two."""
    return max(1, 1 << max(0, (-(-_products(a_bits, w_bits) // array.bricks) - 1).bit_length()))


def _products(a_bits: int, w_bits: int) -> int:
    """2×2-bit products of one multiplication."""
    return -(-a_bits // 2) * -(-w_bits // 2)


def _term_act(array: ArrayConfig, a_bits: int, w_bits: int) -> int:  # noqa: ARG001
    """Pragmatic: at most one term per bit."""
    return a_bits


def _term_weight(array: ArrayConfig, a_bits: int, w_bits: int) -> int:  # noqa: ARG001
    """Bitlet, BitWave: at most one term per bit."""
    return w_bits


def _term_both(array: ArrayConfig, a_bits: int, w_bits: int) -> int:  # noqa: ARG001
    """Laconic: at most one pair of terms per pair of bits."""
    return a_bits * w_bits


CONSTANT_BEATS: dict[str, Beat] = {
    "parallel": _parallel,
    "serial_act": _serial_act,
    "serial_weight": _serial_weight,
    "serial_both": _serial_both,
    "fused": _fused,
    "term_serial_act": _term_act,
    "term_serial_weight": _term_weight,
    "term_serial_both": _term_both,
}


def constant_beat_cycles(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """Cycles that one step occupies a PE, by the widths alone.

    >>> constant_beat_cycles(ArrayConfig(rows=4, cols=4, native_bits=8), a_bits=16, w_bits=8)
    2
    """
    return CONSTANT_BEATS[array.arithmetic](array, a_bits, w_bits)


def fused_beat_cycles(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """The beat of ``fused``; 1 for every other kind."""
    return _fused(array, a_bits, w_bits) if array.arithmetic == "fused" else 1


def step_lanes(array: ArrayConfig, a_bits: int, w_bits: int) -> int:
    """Multiplications per PE and step: ``lanes``, for ``fused`` times the power of two of them that fit the bricks.

    >>> step_lanes(ArrayConfig(rows=4, cols=4, arithmetic="fused"), a_bits=4, w_bits=4)
    4
    """
    if array.arithmetic != "fused":
        return array.lanes
    fit = array.bricks // _products(a_bits, w_bits)
    return array.lanes * (1 << (fit.bit_length() - 1) if fit else 1)


def beat_depends_on_data(array: ArrayConfig) -> bool:
    """Whether beats depend on the operands' values."""
    dynamic = array.precision == "dynamic" and array.arithmetic != "fused"
    return array.arithmetic.startswith("term_serial") or dynamic


def arrays_in_step(array: ArrayConfig, array_dim: str) -> bool:
    """Whether several arrays need the operand that they share in the same beats.

    Folds dealt along n (m) share activations (weights): the arrays stay in step unless the weights (activations),
    which differ from array to array, decide how long a beat lasts or what is left out.
    """
    operand = "weight" if array_dim == "n" else "act"
    serial = array.arithmetic.endswith((operand, "both")) or array.arithmetic == "parallel"
    beats = serial and beat_depends_on_data(array)
    if array_dim == "n":
        # Input-stationary arrays leave out k that are zero for all n: the same for all arrays.
        return not beats and (array.weight_sparsity not in ("skip_rows", "pack_columns") or array.dataflow == "is")
    return not beats and array.activation_sparsity != "skip_waves"


def hop_bits(array: ArrayConfig, a_bits: int, w_bits: int) -> tuple[int, int]:
    """Bits of an activation and of a weight that are clocked into a PE's register when it moves there; 0 if it rests.

    An operand that moves term by term has no such register: a term's is clocked in the cycles of the multipliers. The
    weights of ``term_serial_both`` cross the lines of os whole, since they are taken anew for each term of the other.

    >>> hop_bits(ArrayConfig(rows=4, cols=4), a_bits=8, w_bits=4)
    (8, 0)
    >>> hop_bits(ArrayConfig(rows=4, cols=4, dataflow="os", arithmetic="term_serial_both"), a_bits=8, w_bits=4)
    (0, 4)
    """
    terms = array.arithmetic.startswith("term_serial")
    a_terms = terms and array.arithmetic.endswith(("act", "both"))
    serial_weights = ("weight", "both") if array.dataflow == "is" else ("weight",)
    w_terms = terms and array.arithmetic.endswith(serial_weights)
    return (
        0 if array.dataflow == "is" or a_terms else a_bits,
        0 if array.dataflow == "ws" or w_terms else w_bits,
    )


def columns_are_elastic(array: ArrayConfig) -> bool:
    """Whether columns, not rows, are the elastic lines: os where only the operand from the top is serial."""
    return array.dataflow == "os" and array.arithmetic in {"serial_weight", "term_serial_weight"}


def counts_depend_on_data(array: ArrayConfig) -> bool:
    """Whether time or actions depend on the operands' values."""
    zeros = array.weight_sparsity != "none" or array.activation_sparsity != "none"
    return zeros or beat_depends_on_data(array)
