"""The range whose quantised histogram tells least apart from the original: TensorRT's entropy calibration."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.quantization.grid import largest_integer
from compress.quantization.ranges.histogram import Histogram
from compress.quantization.ranges.registry import Target, activation_range

__all__ = ["activation_kl", "divergence"]

CANDIDATES = 128
"""Ends that are tried."""
BINS = 2048
"""Bins of the magnitudes' histogram, as TensorRT has them."""


@activation_range("kl")
def activation_kl(seen: Histogram, target: Target) -> tuple[float, float]:
    """Ends of least Kullback-Leibler divergence (Migacz, "8-bit inference with TensorRT", GTC 2017).

    With a zero point, both ends are drawn in by the share that suits the magnitudes.
    """
    largest = max(-seen.low, seen.high) if target.signed else seen.high
    if largest <= 0:
        return seen.low, seen.high
    counts = _magnitudes(seen, largest)
    levels = largest_integer(target.bits, signed=target.signed) + 1
    ends = [end for end in range(BINS // CANDIDATES, BINS + 1, BINS // CANDIDATES) if end >= levels]
    if not ends:  # a grid finer than the histogram loses nothing within the range
        return seen.low, seen.high
    best = min(reversed(ends), key=lambda end: divergence(counts, end, levels))
    share = best / BINS
    if target.signed and target.symmetric:
        return -largest * share, largest * share
    return max(seen.low, -largest * share), min(seen.high, largest * share)


def _magnitudes(seen: Histogram, largest: float) -> Tensor:
    """Counts of ``|x|`` over ``0 … largest`` in :data:`BINS` bins."""
    index = (seen.centres.abs() * (BINS / largest)).long().clamp_(max=BINS - 1)
    return torch.zeros(BINS, dtype=torch.float64).index_add_(0, index, seen.counts)


def divergence(counts: Tensor, end: int, levels: int) -> float:
    """KL divergence of the first ``end`` bins, outliers in the last, from their quantisation to ``levels`` levels.

    A level's count is spread evenly over those of its bins that are not empty.
    """
    original = counts[:end].clone()
    original[-1] += counts[end:].sum()
    level = torch.arange(end) * levels // end
    used = (counts[:end] > 0).double()
    totals = torch.zeros(levels, dtype=torch.float64).index_add_(0, level, counts[:end])
    filled = torch.zeros(levels, dtype=torch.float64).index_add_(0, level, used)
    spread = torch.where(used > 0, totals[level] / filled[level].clamp(min=1), 0.0)
    p, q = original / original.sum(), spread / spread.sum().clamp(min=1e-300)
    there = p > 0
    return float((p[there] * (p[there] / q[there].clamp(min=1e-12)).log()).sum())
