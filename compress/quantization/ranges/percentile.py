"""All but a small share of the values, so that a few outliers do not cost everyone resolution."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from compress.quantization.ranges.histogram import Histogram
from compress.quantization.ranges.registry import Target, activation_range, weight_range

__all__ = ["ACTIVATION_SHARE", "WEIGHT_SHARE", "activation_percentile", "weight_percentile"]

ACTIVATION_SHARE = 0.9999
"""Share of a tensor's values within the range; on either side where it has a zero point."""
WEIGHT_SHARE = 0.99
"""Share of a channel's magnitudes within the range; channels of few weights keep all but one."""


@activation_range("percentile")
def activation_percentile(seen: Histogram, target: Target) -> tuple[float, float]:
    """Quantiles from the histogram, to within one of its bins."""
    if target.signed and target.symmetric:
        magnitudes = seen.counts + seen.counts.flip(0)
        bound = min(_quantile(magnitudes[len(magnitudes) // 2 :], seen.reach), max(-seen.low, seen.high))
        return -bound, bound
    half = len(seen.counts) // 2
    above = seen.counts.clone()[half:]
    above[0] += seen.counts[:half].sum()
    below = seen.counts.flip(0)[half:].clone()
    below[0] += seen.counts[half:].sum()
    return max(-_quantile(below, seen.reach), seen.low), min(_quantile(above, seen.reach), seen.high)


def _quantile(counts: Tensor, reach: float) -> float:
    """The upper end of the bin, of ``0 … reach``, below which the wanted share lies."""
    total = counts.cumsum(0)
    bin_index = int(torch.searchsorted(total, ACTIVATION_SHARE * total[-1]))
    return (min(bin_index, len(counts) - 1) + 1) * reach / len(counts)


@weight_range("percentile")
def weight_percentile(rows: Tensor, bits: int) -> Tensor:  # noqa: ARG001
    """The magnitude that the wanted share of a channel's weights does not exceed."""
    rank = max(1, ceil(WEIGHT_SHARE * rows.shape[1]))
    return rows.abs().kthvalue(rank, dim=1).values
