"""A layer's weights to integers, each to the nearest."""

from __future__ import annotations

from torch import Tensor, nn

from compress.quantization.grid import quantize_rows
from compress.quantization.layers import QuantizedWeights
from compress.quantization.ranges import weight_scales

__all__ = ["round_to_nearest"]


def round_to_nearest(
    layer: nn.Conv2d | nn.Linear, bits: int, rule: str, kept: Tensor | None = None
) -> QuantizedWeights:
    """Round to the nearest integers.

    Args:
        bits: 1 to 16.
        rule: of the range, see :data:`compress.quantization.ranges.WEIGHT_RANGES`.
        kept: bool in the weight's shape; the others become zero, with one bit too.
    """
    rows = layer.weight.detach().double().flatten(1)
    mask = None if kept is None else kept.flatten(1)
    if mask is not None:
        rows = rows * mask
    scales = weight_scales(rule, rows, bits, mask)
    integers = quantize_rows(rows, scales, bits)
    if mask is not None:
        integers = integers * mask
    return QuantizedWeights(integers.reshape(layer.weight.shape), scales, layer.bias, bits)
