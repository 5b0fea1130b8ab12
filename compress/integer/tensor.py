"""What flows between the layers of an integer network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.integer.fixed_point import Ends, Requantizer
from compress.quantization.grid import Grid

__all__ = ["IntegerTensor"]


@dataclass(frozen=True, eq=False)
class IntegerTensor:
    """Integers and the numbers that they stand for, ``clip((integer + correction) · scale + constant, low, high)``.

    An accumulator has scales, constants (its bias) and corrections (of zero points) per channel; a stored tensor one
    scale and nothing else. Clipping is kept for the reader, which does it after rounding: both ways give the same.

    Attributes:
        integers: int64.
        scales, constants: ``(channels,)`` float64, or ``(1,)``.
        corrections: int64 in their shape.
        largest: bound of the magnitudes of ``integers`` and of ``integers + corrections``.
        axis: of the channels.
        low, high: real numbers.
    """

    integers: Tensor
    scales: NDArray[np.float64]
    constants: NDArray[np.float64]
    corrections: NDArray[np.int64]
    largest: int
    axis: int = 1
    low: float = -inf
    high: float = inf

    @classmethod
    def stored(cls, integers: Tensor, grid: Grid) -> IntegerTensor:
        """Integers of a grid without a zero point."""
        none = np.zeros(1)
        largest = max(-grid.low, grid.high)
        return cls(integers, np.array([grid.scale]), none, none.astype(np.int64), largest)

    @property
    def is_uniform(self) -> bool:
        """Whether all channels have the one scale, and zero stands for zero."""
        return len(self.scales) == 1 and not self.constants.any() and not self.corrections.any()

    def with_integers(self, integers: Tensor) -> IntegerTensor:
        """Other integers that mean the same numbers."""
        return replace(self, integers=integers)

    def clipped(self, low: float, high: float) -> IntegerTensor:
        """Values below ``low`` and above ``high`` cut off."""
        return replace(self, low=min(max(self.low, low), high), high=max(min(self.high, high), low))

    def on(self, grid: Grid) -> Tensor:
        """Requantised to a grid: int64, in fixed point."""
        if grid.binary and (self.low >= 0 or self.high < 0):
            return torch.full_like(self.integers, 1 if self.low >= 0 else -1)
        low, high = (_bound(bound, grid) for bound in self._clip_in_steps(grid.scale))
        return self._requantised(grid.scale, Ends(low, high, grid.zero_point, grid.binary))

    def in_steps(self, step: float, bits: int) -> Tensor:
        """Signed integers of ``bits`` that count steps: int64, in fixed point."""
        most = (1 << (bits - 1)) - 1
        low, high = self._clip_in_steps(step)
        return self._requantised(step, Ends(int(max(low, -most)), int(min(high, most))))

    def _clip_in_steps(self, step: float) -> tuple[float, float]:
        return tuple(bound if np.isinf(bound) else float(np.rint(bound / step)) for bound in (self.low, self.high))  # type: ignore[return-value]

    def _requantised(self, step: float, ends: Ends) -> Tensor:
        requantizer = Requantizer.of(self.scales, self.constants, self.corrections, self.largest, step)
        shape = tuple(self.integers.shape)
        axis = self.axis % len(shape)
        sums = self.integers.contiguous().numpy().reshape(prod(shape[:axis]), -1, prod(shape[axis + 1 :]))
        return torch.from_numpy(requantizer.apply(sums, ends).reshape(shape))

    def values(self) -> Tensor:
        """The numbers, float64."""
        shape = [1] * self.integers.ndim
        shape[self.axis] = -1
        scales, constants, corrections = (
            torch.from_numpy(part).reshape(shape) for part in (self.scales, self.constants, self.corrections)
        )
        return ((self.integers + corrections) * scales + constants).clamp(self.low, self.high)


def _bound(steps: float, grid: Grid) -> int:
    """An end in steps as an integer of the grid."""
    return int(min(max(steps + grid.zero_point, grid.low), grid.high))
