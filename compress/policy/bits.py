"""Operand widths of a policy on a workload: what every layer reads and what it stores.

A matrix product reads its ``a_bits``; so the tensor in front of it is stored in that width (the largest, where several
products read it). Sums and other arithmetic of the vector unit carry ``STREAM_BITS``: a tensor that such an operation
reads is stored in that width too, beside the narrow copy that the products read. Maximum pooling and ReLU commute with
rounding and work on whatever their readers want.
"""

from __future__ import annotations

from dataclasses import replace

from accel_sim.workload.layers import GemmLayer, Layer, VectorLayer, Workload
from compress.policy.schema import Policy

__all__ = ["STREAM_BITS", "with_policy_bits"]

STREAM_BITS = 16
"""Width of what the vector unit adds up; rounding to it changes a sum by less than a thousandth of an 8-bit step."""

MONOTONE = frozenset(["max_pool2d", "relu", "relu6", "layout", "pad", "cat", "slice", "chunk", "roll"])


def with_policy_bits(workload: Workload, policy: Policy) -> Workload:
    """The workload with the policy's widths; products of two computed tensors have ``a_bits`` on both sides.

    >>> from accel_sim.workload import gemm
    >>> policy = Policy.model_validate({"defaults": {"w_bits": 3, "a_bits": 5}})
    >>> with_policy_bits(gemm(2, 2, 2), policy).layers[0].w_bits
    3
    """
    layers: list[Layer] = []
    stored: dict[str, _Stored] = {}
    for layer in reversed(workload.layers):  # readers come before what they read
        width = stored.pop(layer.name, _Stored(stream=True)).bits
        layers.append(_product(layer, policy, width) if isinstance(layer, GemmLayer) else _vector(layer, width))
        for name, need in _needs(layers[-1]):
            stored[name] = stored.get(name, _Stored()).joined(need)
    return replace(workload, layers=tuple(reversed(layers)))


class _Stored:
    """The copies of a tensor that its readers ask for."""

    def __init__(self, narrow_bits: int = 0, *, stream: bool = False) -> None:
        self.narrow_bits, self.stream = narrow_bits, stream

    def joined(self, other: _Stored) -> _Stored:
        """What the readers of both ask for."""
        return _Stored(max(self.narrow_bits, other.narrow_bits), stream=self.stream or other.stream)

    @property
    def bits(self) -> int:
        """Bits per element, all copies together."""
        return self.narrow_bits + (STREAM_BITS if self.stream else 0)


def _product(layer: GemmLayer, policy: Policy, stored_bits: int) -> GemmLayer:
    wish = policy.of(layer.name)
    w_bits = wish.w_bits if layer.static_weights else wish.a_bits
    return replace(layer, a_bits=wish.a_bits, w_bits=w_bits, out_bits=stored_bits)


def _vector(layer: Layer, stored_bits: int) -> VectorLayer:
    assert isinstance(layer, VectorLayer)  # the other kind of layer
    bits = stored_bits if layer.op in MONOTONE else STREAM_BITS
    return replace(layer, bits=bits, out_bits=stored_bits)


def _needs(layer: Layer) -> list[tuple[str, _Stored]]:
    """What a layer asks of each tensor that it reads."""
    if isinstance(layer, GemmLayer):
        return [(name, _Stored(layer.a_bits)) for name in layer.inputs] + [
            (name, _Stored(layer.w_bits)) for name in layer.weight_inputs
        ]
    if layer.op in MONOTONE:
        has_stream = layer.bits >= STREAM_BITS
        return [(name, _Stored(layer.bits - STREAM_BITS * has_stream, stream=has_stream)) for name in layer.inputs]
    return [(name, _Stored(stream=True)) for name in layer.inputs]
