"""Each weight to the nearest integer."""

from __future__ import annotations

from torch import Tensor

from compress.quantization.rounding.registry import WeightsToRound, rounding

__all__ = ["round_to_nearest"]


@rounding("nearest", needs_covariance=False)
def round_to_nearest(given: WeightsToRound) -> tuple[Tensor, Tensor]:
    """Halves to even."""
    return given.nearest(given.weights), given.scales
