"""Ranges of tensors, and their rounding to integers with one scale per tensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Quantized", "ValueRange", "quantize"]


class ValueRange(NamedTuple):
    """What a tensor was seen to hold: ``low`` to ``high``, and the mean magnitude (that of the last batch seen)."""

    low: float
    high: float
    mean_magnitude: float

    @classmethod
    def of(cls, tensor: Tensor) -> ValueRange:
        """The range of one tensor."""
        low, high = tensor.aminmax()
        return cls(low.item(), high.item(), torch.linalg.vector_norm(tensor, 1).item() / tensor.numel())

    def joined(self, later: ValueRange) -> ValueRange:
        """The range of both."""
        return ValueRange(min(self.low, later.low), max(self.high, later.high), later.mean_magnitude)


class Quantized(NamedTuple):
    """A tensor as ``integers`` times ``scale``, rounded to the nearest and clipped to the range."""

    integers: NDArray[np.integer]
    scale: float


def quantize(tensor: Tensor, seen: ValueRange, bits: int, *, signed: bool) -> Quantized:
    """Round a tensor with one scale (min-max).

    Signed: symmetric, ``-(2^(bits-1) - 1) … 2^(bits-1) - 1`` for the largest magnitude seen; one bit is the sign, -1
    or +1, times the mean magnitude. Unsigned: ``0 … 2^bits - 1`` from zero to the largest value seen; what is below
    zero becomes zero.

    Returns:
        int8 or uint8 up to 8 bits, else int16 or uint16, in the tensor's shape.

    >>> x = torch.tensor([0.0, 0.6, 1.0])
    >>> quantize(x, ValueRange.of(x), 4, signed=False).integers.tolist()
    [0, 9, 15]
    """
    if signed and bits == 1:
        return Quantized(np.where(tensor.numpy() < 0, -1, 1).astype(np.int8), seen.mean_magnitude)
    steps = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    largest = max(-seen.low, seen.high) if signed else seen.high
    scale = (largest if largest > 0 else 1.0) / steps
    integers = (tensor / scale).round_().clamp_(-steps if signed else 0, steps).numpy()
    narrow, wide = (np.int8, np.int16) if signed else (np.uint8, np.uint16)
    return Quantized(integers.astype(narrow if bits <= 8 else wide), scale)
