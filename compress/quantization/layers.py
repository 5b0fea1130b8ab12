"""Convolution and linear layers that compute in float what an integer machine would, at the speed of float layers.

The input becomes integers (held as floats) in three passes in place; the step sizes of input and weights are multiplied
into the weights once. So a layer costs its float twin's time plus those passes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.padding import padding_around
from compress.quantization.grid import Grid, dequantize_rows, integer_type

__all__ = ["FakeQuantConv2d", "FakeQuantLinear", "QuantizedWeights", "fake_quantized"]


@dataclass(frozen=True)
class QuantizedWeights:
    """A layer's parameters once they are rounded.

    Attributes:
        integers: the weight's shape, any dtype; ``-(2^(bits-1) - 1) … 2^(bits-1) - 1``.
        scales: ``(out_channels,)`` of one step.
        bias: ``(out_channels,)``, float.
        bits: of the weights.
    """

    integers: Tensor
    scales: Tensor
    bias: Tensor | None
    bits: int


class _FakeQuantLayer(nn.Module):
    """What both layers share.

    Attributes:
        weight_integers: int8 up to 8 bits, else int16, in the float layer's shape.
        weight_scales: ``(out_channels,)`` float32.
        bias: ``(out_channels,)`` float32, or ``None``.
        input_grid: what the input is rounded to.
        w_bits, a_bits: widths of weights and input.
    """

    weight_integers: Tensor
    weight_scales: Tensor
    bias: Tensor | None
    _scaled_weight: Tensor

    def __init__(self, weights: QuantizedWeights, input_grid: Grid) -> None:
        super().__init__()
        self.input_grid = input_grid
        self.w_bits, self.a_bits = weights.bits, input_grid.bits
        integers = weights.integers.detach().to(integer_type(weights.bits, signed=True))
        self.register_buffer("weight_integers", integers)
        self.register_buffer("weight_scales", weights.scales.detach().float())
        self.register_buffer("bias", None if weights.bias is None else weights.bias.detach().float())
        self.register_buffer("_scaled_weight", torch.empty(0), persistent=False)
        self._scale_weight()
        self.register_load_state_dict_post_hook(lambda module, _: module._scale_weight())  # type: ignore[no-untyped-call]
        self.training = False

    @property
    def weight(self) -> Tensor:
        """The weights' values, float32: integers times scales."""
        return dequantize_rows(self.weight_integers.float(), self.weight_scales)

    def _scale_weight(self) -> None:
        scales = self.weight_scales.double() * self.input_grid.scale
        self._scaled_weight = dequantize_rows(self.weight_integers.double(), scales).float()

    def _description(self) -> str:
        grid = self.input_grid
        sign = "signed" if grid.signed else "unsigned"
        return f"w_bits={self.w_bits}, a_bits={self.a_bits} {sign}, zero_point={grid.zero_point}"


class FakeQuantConv2d(_FakeQuantLayer):
    """A convolution on integers, see :class:`_FakeQuantLayer`; geometry as ``nn.Conv2d`` names it.

    Attributes:
        around: ``[left, right, top, bottom]`` that is padded.
    """

    def __init__(self, conv: nn.Conv2d, weights: QuantizedWeights, input_grid: Grid) -> None:
        super().__init__(weights, input_grid)
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        self.kernel_size, self.stride = conv.kernel_size, conv.stride
        self.padding, self.dilation, self.groups = conv.padding, conv.dilation, conv.groups
        self.padding_mode = conv.padding_mode
        self.around = padding_around(conv)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, in_channels, h, w)`` -> ``(batch, out_channels, h, w)``."""
        steps, padding = self.input_grid.centred(x), self.padding
        if self.padding_mode != "zeros":
            steps, padding = functional.pad(steps, self.around, mode=self.padding_mode), (0, 0)
        return functional.conv2d(
            steps, self._scaled_weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """Sizes and widths."""
        sizes = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        return f"{sizes}, groups={self.groups}, {self._description()}"


class FakeQuantLinear(_FakeQuantLayer):
    """A linear layer on integers, see :class:`_FakeQuantLayer`."""

    def __init__(self, linear: nn.Linear, weights: QuantizedWeights, input_grid: Grid) -> None:
        super().__init__(weights, input_grid)
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, x: Tensor) -> Tensor:
        """``(…, in_features)`` -> ``(…, out_features)``."""
        return functional.linear(self.input_grid.centred(x), self._scaled_weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and widths."""
        return f"{self.in_features}, {self.out_features}, {self._description()}"


def fake_quantized(
    layer: nn.Conv2d | nn.Linear, weights: QuantizedWeights, input_grid: Grid
) -> FakeQuantConv2d | FakeQuantLinear:
    """The fake-quantised twin of a float layer."""
    if isinstance(layer, nn.Conv2d):
        return FakeQuantConv2d(layer, weights, input_grid)
    return FakeQuantLinear(layer, weights, input_grid)
