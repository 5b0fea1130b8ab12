"""Convolutions and linear layers on integers alone: what the array computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from accel_sim.errors import WorkloadError
from compress.integer.tensor import IntegerTensor
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, Grid

__all__ = ["ACC_BITS", "IntegerProduct", "ProductRun"]

ACC_BITS = 32
EXACT_BITS = 53
"""Sums of products of integers are exact in float64 below ``2^53``, in whatever order they are added."""


class ProductRun(NamedTuple):
    """What a layer did: the integers that it read, and its accumulators ``Σ A·W`` without bias, int64."""

    integers: Tensor
    accumulators: Tensor


@dataclass(frozen=True, eq=False)
class IntegerProduct:
    """A quantised layer as the machine has it.

    Attributes:
        name: for messages.
        layer: its fake-quantised twin: integers of the weights, scales, geometry.
        acc_bits: width of the accumulators.
    """

    name: str
    layer: FakeQuantConv2d | FakeQuantLinear
    acc_bits: int = ACC_BITS

    @property
    def grid(self) -> Grid:
        """What the layer reads."""
        return self.layer.input_grid

    def run(self, integers: Tensor) -> tuple[IntegerTensor, ProductRun]:
        """The layer's sums for integers of its input grid.

        Padding is the zero point, so a sum holds ``zero_point · Σ W`` too much, which the result corrects.

        Raises:
            WorkloadError: a sum does not fit the accumulator.
        """
        weights, grid = self.layer.weight_integers.double(), self.grid
        per_channel = weights.flatten(1)
        bound = max(-grid.low, grid.high) * float(per_channel.abs().sum(1).max())
        if bound >= 1 << EXACT_BITS:
            raise WorkloadError(f"layer {self.name}: sums of up to {bound:.2g}; allowed: below 2^{EXACT_BITS}")
        sums = self._sums(integers.double(), weights).long()
        self._check(sums)
        corrections = -grid.zero_point * per_channel.sum(1).long().numpy()
        scales = self.layer.weight_scales.double().numpy() * grid.scale
        bias = self.layer.bias
        constants = np.zeros(len(scales)) if bias is None else bias.double().numpy()
        largest = int(bound) + int(np.abs(corrections).max(initial=0))
        axis = 1 if isinstance(self.layer, FakeQuantConv2d) else -1
        return IntegerTensor(sums, scales, constants, corrections, largest, axis), ProductRun(integers, sums)

    def _sums(self, integers: Tensor, weights: Tensor) -> Tensor:
        layer = self.layer
        if isinstance(layer, FakeQuantLinear):
            return functional.linear(integers, weights)
        zero = float(self.grid.zero_point)
        if layer.padding_mode != "zeros":
            integers = functional.pad(integers, layer.around, mode=layer.padding_mode)
        else:
            integers = functional.pad(integers, layer.around, value=zero)
        return functional.conv2d(integers, weights, None, layer.stride, 0, layer.dilation, layer.groups)

    def _check(self, sums: Tensor) -> None:
        low, high = (int(end) for end in torch.aminmax(sums))
        most = (1 << (self.acc_bits - 1)) - 1
        if low < -most - 1 or high > most:
            worst = low if -low > high else high
            raise WorkloadError(
                f"layer {self.name}: a sum is {worst}; allowed in accumulators of {self.acc_bits} bits: "
                f"{-most - 1} to {most}"
            )
