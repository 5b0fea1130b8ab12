"""Everything that was seen."""

from __future__ import annotations

from torch import Tensor

from compress.quantization.ranges.histogram import Histogram
from compress.quantization.ranges.registry import Target, activation_range, weight_range

__all__ = ["activation_min_max", "weight_min_max"]


@activation_range("min_max")
def activation_min_max(seen: Histogram, target: Target) -> tuple[float, float]:  # noqa: ARG001
    """Smallest and largest value."""
    return seen.low, seen.high


@weight_range("min_max")
def weight_min_max(rows: Tensor, bits: int) -> Tensor:  # noqa: ARG001
    """Largest magnitude of each channel."""
    return rows.abs().amax(1)
