"""Checks of a layer's integer operands against their shapes, their widths and the machine's N:M pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError
from accel_sim.hardware.schema import ArrayConfig, NmSparsity
from accel_sim.workload import GemmLayer

__all__ = ["check_n_m", "check_operands", "check_range", "n_m_groups", "n_m_segment", "operand_range", "operand_shapes"]

_WEIGHTS_MAY_BE_PRUNED = ("skip_rows", "pack_columns")


def check_operands(layer: GemmLayer, array: ArrayConfig) -> None:
    """Raise unless the integers that ``layer`` carries fit its shape, its bits and what ``array`` wants of weights.

    Raises:
        WorkloadError: names the layer, the first place that is wrong, what it holds and what is allowed.

    """
    sparsity = array.weight_sparsity
    shape_a, shape_w = operand_shapes(layer)
    if layer.activations is not None:
        _check_shape(layer, "activations", layer.activations, shape_a)
        check_range(layer.activations, layer.a_bits, layer.a_signed, "activations", layer.name, may_pad=True)
    if layer.weights is not None:
        may_pad = isinstance(sparsity, NmSparsity) or sparsity in _WEIGHTS_MAY_BE_PRUNED
        _check_shape(layer, "weights", layer.weights, shape_w)
        check_range(layer.weights, layer.w_bits, layer.w_signed, "weights", layer.name, may_pad=may_pad)
        if isinstance(sparsity, NmSparsity):
            check_n_m(layer.weights, sparsity.keep, sparsity.of, n_m_segment(layer), layer.name)


def operand_shapes(layer: GemmLayer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of a layer's activations and weights, as :class:`~accel_sim.workload.GemmLayer` holds them."""
    conv = layer.conv
    shape_a: tuple[int, ...] = (layer.groups, layer.m, layer.k)
    if conv is not None:
        shape_a = (conv.batch, layer.groups * conv.in_channels, conv.in_h, conv.in_w)
    return shape_a, (layer.groups, layer.k, layer.n)


def n_m_segment(layer: GemmLayer) -> int:
    """Length of a kernel position along k, where N:M patterns restart."""
    return layer.conv.in_channels if layer.conv else layer.k


def _check_shape(layer: GemmLayer, what: str, values: NDArray[np.integer], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise WorkloadError(f"layer {layer.name}: {what} have shape {values.shape}; allowed: {shape}")


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
    needs_sign = signed and bits == 1 and not may_pad
    if values.size == 0 or (values.min() >= low and values.max() <= high and not (needs_sign and (values == 0).any())):
        return
    wrong = (values < low) | (values > high)
    if needs_sign:
        wrong |= values == 0
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    allowed = "-1 or 1" if signed and bits == 1 else f"{low} to {high}"
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
    for first, last in n_m_groups(0, k, of, segment):
        count = np.cumsum(weights[:, first:last] != 0, axis=1)
        if not (count > keep).any():
            continue
        group, offset, n = (int(i) for i in np.argwhere((count > keep) & (weights[:, first:last] != 0))[0])
        raise WorkloadError(
            f"layer {layer}: weights[{group}, {first + offset}, {n}] is {weights[group, first + offset, n]}, "
            f"non-zero number {keep + 1} of k {first} to {last - 1}; "
            f"allowed: {keep} of {of} consecutive k"
        )


def n_m_groups(first_k: int, stop_k: int, of: int, segment: int) -> list[tuple[int, int]]:
    """The groups of an N:M pattern among k ``first_k`` to ``stop_k - 1``, as ``(first, one past the last)``.

    They restart at each kernel position of ``segment`` k, counted from k = 0; the range cuts those at its ends.

    >>> n_m_groups(0, 10, of=4, segment=5)
    [(0, 4), (4, 5), (5, 9), (9, 10)]
    >>> n_m_groups(3, 8, of=4, segment=5)
    [(3, 4), (4, 5), (5, 8)]
    """
    groups = []
    for start in range(first_k - first_k % segment, stop_k, segment):
        for group in range(start, min(start + segment, stop_k), of):
            first, last = max(group, first_k), min(group + of, start + segment, stop_k)
            if first < last:
                groups.append((first, last))
    return groups
