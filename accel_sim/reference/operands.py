"""Checks of a layer's integer operands against their widths and the machine's N:M pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError

__all__ = ["check_n_m", "check_range", "operand_range"]


def operand_range(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest value of an operand; a signed 1-bit operand means −1/+1.

    >>> operand_range(8, True), operand_range(4, False), operand_range(1, True)
    ((-128, 127), (0, 15), (-1, 1))
    """
    if not signed:
        return 0, (1 << bits) - 1
    return (-1, 1) if bits == 1 else (-(1 << bits - 1), (1 << bits - 1) - 1)


def check_range(
    values: NDArray[np.integer], bits: int, signed: bool, what: str, layer: str, *, may_pad: bool = False
) -> None:
    """Raise unless every value fits.

    Args:
        what: name of the operand for the message, e.g. ``activations``.
        may_pad: zeros stand for operands that are not there (a convolution's padding, pruned weights), so they are
            allowed for signed 1-bit operands, too, which have no zero.

    Raises:
        WorkloadError: names the layer, the first index that does not fit, its value and what is allowed.

    """
    if not np.issubdtype(values.dtype, np.integer):
        raise WorkloadError(f"layer {layer}: {what} have type {values.dtype}; allowed: integers")
    low, high = operand_range(bits, signed)
    wrong = (values < low) | (values > high)
    binary = signed and bits == 1
    if binary and not may_pad:
        wrong |= values == 0
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    allowed = "-1 or 1" if binary else f"{low} to {high}"
    kind = "signed" if signed else "unsigned"
    raise WorkloadError(
        f"layer {layer}: {what}[{', '.join(map(str, index))}] is {values[index]}; "
        f"allowed for {bits}-bit {kind} operands: {allowed}"
    )


def check_n_m(weights: NDArray[np.integer], keep: int, of: int, segment: int, layer: str) -> None:
    """Raise unless at most ``keep`` of ``of`` consecutive k are non-zero in every column.

    Args:
        weights: ``(groups, k, n)``.
        segment: length of a kernel position (its input channels); the pattern restarts at each.

    Raises:
        WorkloadError: names the layer and the first weight that is one too many.

    """
    k = weights.shape[1]
    for first, last in n_m_groups(k, of, segment):
        count = np.cumsum(weights[:, first:last] != 0, axis=1)
        if not (count > keep).any():
            continue
        group, offset, n = (int(i) for i in np.argwhere((count > keep) & (weights[:, first:last] != 0))[0])
        raise WorkloadError(
            f"layer {layer}: weights[{group}, {first + offset}, {n}] is {weights[group, first + offset, n]}, "
            f"non-zero number {keep + 1} of k {first} to {last - 1}; "
            f"allowed: {keep} of {of} consecutive k"
        )


def n_m_groups(k: int, of: int, segment: int) -> list[tuple[int, int]]:
    """The groups of an N:M pattern along k as ``(first, one past the last)``; they restart at each kernel position.

    >>> n_m_groups(k=10, of=4, segment=5)
    [(0, 4), (4, 5), (5, 9), (9, 10)]
    """
    return [
        (first, min(first + of, start + segment, k))
        for start in range(0, k, segment)
        for first in range(start, min(start + segment, k), of)
    ]
