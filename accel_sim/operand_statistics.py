"""What a layer's integers are like: zeros, effectual bits and terms, widths. Serial and sparse machines live on them.

Values count as often as the array meets them in the matrices A and W: a pixel of a feature map once for each window
of its im2col matrix. The zeros of a convolution's padding are streamed like any other value and are among them;
:attr:`OperandStatistics.padding` says how many. Tiling, and that a machine may read an operand again, play no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.dynamic.pieces import PIECES, Intake, cost_table
from accel_sim.hardware.schema import NmSparsity
from accel_sim.histogram_kernel import count_image_values, count_values
from accel_sim.operand_checks import check_range, operand_range
from accel_sim.operand_origin import operand_origin
from accel_sim.operands import layer_operands
from accel_sim.workload import ConvGeometry, GemmLayer, Workload

__all__ = [
    "LayerStatistics",
    "OperandStatistics",
    "WorkloadStatistics",
    "layer_statistics",
    "mean_statistics",
    "operand_statistics",
]


@dataclass(frozen=True)
class OperandStatistics:
    """Means over all values of one operand.

    Attributes:
        values: how many there are (groups·M·K or groups·K·N).
        zeros: share of zeros, 0..1, padding included.
        padding: share of zeros that are a convolution's padding, 0..1.
        effectual_bits: ones of the magnitude per value.
        csd_terms: non-zero digits of the canonical signed-digit form per value.
        width_bits: shortest two's-complement (signed) or binary (unsigned) width per value, at least 1.
    """

    values: int
    zeros: float
    padding: float
    effectual_bits: float
    csd_terms: float
    width_bits: float


@dataclass(frozen=True)
class LayerStatistics:
    """Both operands of one matrix product."""

    name: str
    a_bits: int
    w_bits: int
    activations: OperandStatistics
    weights: OperandStatistics


@dataclass(frozen=True)
class WorkloadStatistics:
    """All matrix products of a workload, and where their operands come from."""

    model: str
    origin: str
    layers: tuple[LayerStatistics, ...]

    def total(self, operand: str) -> OperandStatistics:
        """Means over all values of all layers' ``activations`` or ``weights``."""
        return mean_statistics([getattr(layer, operand) for layer in self.layers])

    def rows(self) -> dict[str, dict[str, float]]:
        """Layer name -> flat columns, ``operands.activations.zeros`` and so on."""
        return {
            layer.name: {
                f"operands.{operand}.{field}": value
                for operand in ("activations", "weights")
                for field, value in asdict(getattr(layer, operand)).items()
            }
            for layer in self.layers
        }


def operand_statistics(workload: Workload, seed: int = 0, sparsity: NmSparsity | str = "none") -> WorkloadStatistics:
    """Statistics of every matrix product's integers, the layer's own or those that the simulation draws.

    Args:
        seed, sparsity: of drawn operands, as for :func:`accel_sim.operands.layer_operands`.

    Raises:
        WorkloadError: an operand that does not fit its bits.
    """
    products = [layer for layer in workload.layers if isinstance(layer, GemmLayer)]
    layers = tuple(layer_statistics(layer, seed, sparsity) for layer in products)
    return WorkloadStatistics(workload.name, operand_origin(workload, seed), layers)


def layer_statistics(layer: GemmLayer, seed: int = 0, sparsity: NmSparsity | str = "none") -> LayerStatistics:
    """Statistics of one matrix product.

    >>> ones = np.ones((1, 2, 3), np.int8)
    >>> layer_statistics(GemmLayer("x", "gemm", 1, 2, 3, 3, weights=ones, activations=3 * ones)).activations
    OperandStatistics(values=6, zeros=0.0, padding=0.0, effectual_bits=2.0, csd_terms=2.0, width_bits=2.0)
    """
    operands = layer_operands(layer, seed, sparsity)
    a_counts = _counts(layer.a_bits, layer.a_signed)
    w_counts = _counts(layer.w_bits, layer.w_signed)
    activations, weights = operands.stored_activations, operands.stored_weights
    check_range(activations, layer.a_bits, layer.a_signed, "activations", layer.name, may_pad=True)
    check_range(weights, layer.w_bits, layer.w_signed, "weights", layer.name, may_pad=True)
    if layer.conv is None:
        count_values(np.ascontiguousarray(activations).reshape(-1), a_counts)
    else:
        maps = np.ascontiguousarray(activations).reshape(-1, layer.conv.in_h, layer.conv.in_w)
        count_image_values(maps, *_uses(layer.conv), a_counts)
    count_values(np.ascontiguousarray(weights).reshape(-1), w_counts)
    padding = layer.groups * layer.m * layer.k - int(a_counts.sum())
    return LayerStatistics(
        name=layer.name,
        a_bits=layer.a_bits,
        w_bits=layer.w_bits,
        activations=_statistics(a_counts, padding, layer.a_bits, layer.a_signed),
        weights=_statistics(w_counts, 0, layer.w_bits, layer.w_signed),
    )


def _counts(bits: int, signed: bool) -> NDArray[np.int64]:
    low, high = operand_range(bits, signed)
    return np.zeros(high - low + 1, np.int64)


def _uses(conv: ConvGeometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many (output, tap) pairs read each input row, and each input column."""
    return (
        _uses_along(conv.in_h, conv.out_h, conv.kernel_h, conv.stride_h, conv.dilation_h, conv.pad_top),
        _uses_along(conv.in_w, conv.out_w, conv.kernel_w, conv.stride_w, conv.dilation_w, conv.pad_left),
    )


def _uses_along(size: int, outputs: int, taps: int, stride: int, dilation: int, pad: int) -> NDArray[np.int64]:
    read = (np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation - pad).reshape(-1)
    return np.bincount(read[(read >= 0) & (read < size)], minlength=size)


def _statistics(counts: NDArray[np.int64], padding: int, bits: int, signed: bool) -> OperandStatistics:
    """Means from the occurrences of each value; padding is zeros on top of them."""
    counts = counts.copy()
    counts[0] += padding
    total = int(counts.sum())

    def mean(intake: Intake) -> float:
        return float(counts @ (cost_table(intake) & PIECES).astype(np.int64) / total)

    return OperandStatistics(
        values=total,
        zeros=float(counts[0] / total),
        padding=padding / total,
        effectual_bits=mean(Intake(bits, signed, serial=True, terms=True)),
        csd_terms=mean(Intake(bits, signed, serial=True, terms=True, csd=True)),
        width_bits=mean(Intake(bits, signed, serial=True, dynamic=True)),
    )


def mean_statistics(statistics: Sequence[OperandStatistics]) -> OperandStatistics:
    """Means over several layers' values."""
    total = sum(part.values for part in statistics)

    def mean(field: str) -> float:
        return float(sum(getattr(part, field) * part.values for part in statistics) / total)

    means = {name: mean(name) for name in ("zeros", "padding", "effectual_bits", "csd_terms", "width_bits")}
    return OperandStatistics(values=total, **means)
