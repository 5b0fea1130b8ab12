"""What a tensor was seen to hold, collected batch by batch."""

from __future__ import annotations

from math import ceil, isfinite, log2

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.quantization.ranges.histogram_kernel import count_values, ends_and_magnitudes

__all__ = ["Histogram"]

BINS = 4096
"""Bins between zero and the reach, on either side."""


class Histogram:
    """Counts over ``-reach … reach`` in ``2·BINS`` equal bins; the order of the batches does not matter.

    The reach is a power of two not below the largest magnitude seen; when it grows, neighbouring bins are joined.

    Attributes:
        low, high: smallest and largest value seen; 0 before any.
        mean_magnitude: of all values seen.
        counts: ``(2·BINS,)`` float64.
        reach: of the bins.

    >>> seen = Histogram()
    >>> seen.add(torch.tensor([0.0, 1.0, 3.0]))
    >>> seen.low, seen.high, seen.reach, seen.counts.sum().item()
    (0.0, 3.0, 4.0, 3.0)
    """

    def __init__(self) -> None:
        self.low = 0.0
        self.high = 0.0
        self.reach = 0.0
        self.counts = torch.zeros(2 * BINS, dtype=torch.float64)
        self._magnitudes = 0.0
        self._seen = 0

    @property
    def mean_magnitude(self) -> float:
        """Of all values seen; 0 before any."""
        return self._magnitudes / max(self._seen, 1)

    @property
    def centres(self) -> Tensor:
        """``(2·BINS,)`` the middle of every bin."""
        return (torch.arange(2 * BINS, dtype=torch.float64) + 0.5 - BINS) * (self.reach / BINS)

    def add(self, values: Tensor) -> None:
        """Count a batch.

        Raises:
            ValueError: a value is not finite.
        """
        batch = _in_memory_order(values)
        if not batch.size:
            return
        low, high, magnitudes = ends_and_magnitudes(batch)
        if not (isfinite(low) and isfinite(high)):
            raise ValueError("values that are not finite")
        self.low, self.high = (low, high) if not self._seen else (min(self.low, low), max(self.high, high))
        self._magnitudes += magnitudes
        self._seen += batch.size
        self._widen(max(-low, high))
        if self.reach > 0:
            count_values(batch, self.reach, self.counts.numpy())
        else:
            self.counts[BINS] += batch.size

    def _widen(self, largest: float) -> None:
        if largest <= self.reach:
            return
        reach = 2.0 ** ceil(log2(largest))
        if self.reach > 0:
            self.counts = _joined(self.counts, round(reach / self.reach))
        self.reach = reach


def _in_memory_order(values: Tensor) -> NDArray[np.float32]:
    """All values, without a copy where it can be: the order does not matter."""
    if values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last):
        values = values.permute(0, 2, 3, 1)
    flat: NDArray[np.float32] = values.detach().reshape(-1).float().numpy(force=True)
    return flat


def _joined(counts: Tensor, factor: int) -> Tensor:
    """The same counts in bins ``factor`` (a power of two) times as wide."""
    if factor >= BINS:
        wide = torch.zeros_like(counts)
        wide[BINS - 1], wide[BINS] = counts[:BINS].sum(), counts[BINS:].sum()
        return wide
    half = BINS // factor
    wide = torch.zeros_like(counts)
    wide[BINS - half : BINS + half] = counts.reshape(-1, factor).sum(1)
    return wide
