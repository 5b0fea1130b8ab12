"""Explicit quantisation in an ONNX file (QuantizeLinear, Clip, DequantizeLinear), read as widths and integers.

An activation on its way to a layer passes QuantizeLinear, perhaps a Clip to a narrower range, and DequantizeLinear; to
the graph these are nothing, and the range says how wide the layer's activations are. Weights are integers behind a
DequantizeLinear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

__all__ = ["Quantisations", "QuantisedOperands", "width_of"]

Array = NDArray[Any]
LEAST_WEIGHT_BITS = 2


class _Range(NamedTuple):
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class QuantisedOperands:
    """What a file says of a layer's operands.

    Attributes:
        a_bits, a_signed: of its activations.
        w_bits: that its weights need, two's complement.
        weights: integers in the shape of the file's weight.
    """

    a_bits: int
    a_signed: bool
    w_bits: int
    weights: NDArray[np.integer]


def width_of(low: int, high: int) -> int:
    """Bits of integers from ``low`` to ``high``: two's complement if ``low`` is negative, else unsigned.

    >>> width_of(-8, 7), width_of(0, 15), width_of(-127, 127)
    (4, 4, 8)
    """
    if low < 0:
        return max(int(high).bit_length(), int(-low - 1).bit_length()) + 1
    return max(1, int(high).bit_length())


class Quantisations:
    """What is known of quantised tensors while a file's nodes are gone through, in order."""

    def __init__(self) -> None:
        self._ranges: dict[str, _Range] = {}
        self._integers: dict[str, NDArray[np.integer]] = {}

    def source(self, node: onnx.NodeProto, constants: Mapping[str, Array]) -> str | None:
        """The tensor that a node's output stands for, if the node is part of an activation's quantisation."""
        first = node.input[0] if node.input else ""
        if node.op_type == "QuantizeLinear":
            point = constants.get(node.input[2]) if len(node.input) > 2 else None
            limits = np.iinfo(np.uint8 if point is None else point.dtype)
            self._ranges[node.output[0]] = _Range(int(limits.min), int(limits.max))
            return first
        if first not in self._ranges or node.op_type not in ("Clip", "DequantizeLinear"):
            return None
        low, high = self._ranges[first]
        if node.op_type == "Clip":
            given = [constants.get(name) if name else None for name in [*node.input[1:], "", ""][:2]]
            low = low if given[0] is None else max(low, int(given[0]))
            high = high if given[1] is None else min(high, int(given[1]))
        self._ranges[node.output[0]] = _Range(low, high)
        return first

    def constant(self, node: onnx.NodeProto, constants: Mapping[str, Array]) -> Array | None:
        """The values of a dequantised constant; its integers are remembered, and those behind its transpose."""
        if node.op_type == "DequantizeLinear":
            integers, scale = constants[node.input[0]], constants[node.input[1]]
            point = constants[node.input[2]] if len(node.input) > 2 else np.zeros_like(scale)
            axis = _attribute(node, "axis", 1)
            shape = [-1 if place == axis % integers.ndim else 1 for place in range(integers.ndim)]
            steps = integers.astype(np.int32) - point.astype(np.int32).reshape(shape if point.size > 1 else ())
            self._integers[node.output[0]] = steps.astype(np.int16)
            return steps.astype(np.float32) * scale.reshape(shape if scale.size > 1 else ())
        if node.op_type == "Transpose" and node.input[0] in self._integers:
            self._integers[node.output[0]] = self._integers[node.input[0]].transpose(_attribute(node, "perm", None))
        return None

    def operands(self, node: onnx.NodeProto) -> QuantisedOperands | None:
        """Those of a layer whose activations and weights are both quantised."""
        if len(node.input) < 2 or node.input[0] not in self._ranges or node.input[1] not in self._integers:
            return None
        low, high = self._ranges[node.input[0]]
        weights = self._integers[node.input[1]]
        w_bits = max(LEAST_WEIGHT_BITS, width_of(min(-1, int(weights.min())), int(weights.max())))
        return QuantisedOperands(width_of(low, high), low < 0, w_bits, weights)


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    found = [onnx.helper.get_attribute_value(own) for own in node.attribute if own.name == name]
    return found[0] if found else default
