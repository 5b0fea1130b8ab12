"""Integer grids: which real numbers a tensor can hold once it is quantised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import MAX_BITS

__all__ = ["Grid", "dequantize_rows", "grid_of_range", "integer_type", "largest_integer", "quantize_rows"]


@dataclass(frozen=True)
class Grid:
    """The values ``scale · (integer - zero_point)`` of one tensor.

    Attributes:
        scale: of one step, above zero, a float32 number.
        zero_point: the integer that stands for zero; 0 for signed grids.
        bits: 1 to 16.
        signed: ``-(2^(bits-1) - 1) … 2^(bits-1) - 1`` (one bit: -1 and +1, no zero), else ``0 … 2^bits - 1``.
    """

    scale: float
    zero_point: int
    bits: int
    signed: bool

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise WorkloadError(f"grid: bits is {self.bits}; allowed: 1 to {MAX_BITS}")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise WorkloadError(f"grid: scale is {self.scale}; allowed: a number above 0")
        if not self.low <= self.zero_point <= self.high or (self.signed and self.zero_point):
            allowed = "0" if self.signed else f"{self.low} to {self.high}"
            raise WorkloadError(f"grid: zero_point is {self.zero_point}; allowed: {allowed}")

    @property
    def low(self) -> int:
        """The smallest integer."""
        return -largest_integer(self.bits, signed=True) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest integer."""
        return largest_integer(self.bits, signed=self.signed)

    @property
    def binary(self) -> bool:
        """Whether it holds -1 and +1 alone."""
        return self.signed and self.bits == 1

    def centred(self, values: Tensor) -> Tensor:
        """``integer - zero_point`` as floats, the values' shape; the values are not changed."""
        if self.binary:
            return torch.where(values < 0, -1.0, 1.0)
        steps = torch.div(values, self.scale)
        return steps.round_().clamp_(self.low - self.zero_point, self.high - self.zero_point)

    def quantize(self, values: Tensor) -> Tensor:
        """Integers, the values' shape; int8 or uint8 up to 8 bits, else int16 or int32.

        >>> Grid(0.5, 0, 3, signed=True).quantize(torch.tensor([-9.0, -0.3, 0.75, 1.0]))
        tensor([-3, -1,  2,  2], dtype=torch.int8)
        """
        return (self.centred(values) + self.zero_point).to(integer_type(self.bits, signed=self.signed))

    def dequantize(self, integers: Tensor) -> Tensor:
        """The values of integers, float32."""
        return (integers.float() - self.zero_point) * self.scale

    def fake_quantize(self, values: Tensor) -> Tensor:
        """The nearest values of the grid."""
        return self.centred(values) * self.scale


def largest_integer(bits: int, *, signed: bool) -> int:
    """``2^(bits-1) - 1`` of a signed grid (1 for one bit), ``2^bits - 1`` of an unsigned one."""
    return max((1 << (bits - 1)) - 1, 1) if signed else (1 << bits) - 1


def integer_type(bits: int, *, signed: bool) -> torch.dtype:
    """The narrowest type that holds the grid's integers and that PyTorch computes with."""
    if signed:
        return torch.int8 if bits <= 8 else torch.int16
    return torch.uint8 if bits <= 8 else torch.int32


def grid_of_range(low: float, high: float, bits: int, *, signed: bool, symmetric: bool = True) -> Grid:
    """The grid whose ends are a range's ends; zero is always one of its values.

    Args:
        low, high: the range. For one signed bit ``high`` is the magnitude that both values get.
        signed: whether values can be negative; if not, ``low`` counts as zero.
        symmetric: whether signed values get a signed grid around zero, else an unsigned one with a zero point.

    >>> grid_of_range(-1.0, 2.0, 2, signed=True, symmetric=False)
    Grid(scale=1.0, zero_point=1, bits=2, signed=False)
    """
    low, high = (min(low, 0.0), max(high, 0.0)) if signed else (0.0, max(high, 0.0))
    if signed and symmetric:
        return Grid(_scale(max(-low, high), largest_integer(bits, signed=True)), 0, bits, signed=True)
    steps = largest_integer(bits, signed=False)
    scale = _scale(high - low, steps)
    return Grid(scale, max(0, min(steps, round(-low / scale))), bits, signed=False)


def _scale(extent: float, steps: int) -> float:
    """As a float32 number that is not zero; a tensor of zeros gets one."""
    scale = float(np.float32(extent / steps))
    return scale if scale > np.finfo(np.float32).tiny else float(np.float32(1 / steps))


def quantize_rows(rows: Tensor, scales: Tensor, bits: int) -> Tensor:
    """Round weights to the nearest integers, one scale per row (output channel); float dtype, ``(channels, k)``.

    >>> quantize_rows(torch.tensor([[0.5, -1.0], [0.2, 5.0]]), torch.tensor([0.5, 1.0]), 3)
    tensor([[ 1., -2.],
            [ 0.,  3.]])
    """
    if bits == 1:
        return torch.where(rows < 0, -1.0, 1.0).to(rows.dtype)
    limit = largest_integer(bits, signed=True)
    return (rows / scales[:, None]).round_().clamp_(-limit, limit)


def dequantize_rows(integers: Tensor, scales: Tensor) -> Tensor:
    """``integers · scale`` of each row, any number of axes behind the first."""
    return integers * scales.reshape(-1, *[1] * (integers.ndim - 1))
