"""The integers of a layer: given, or drawn; activations of a convolution as im2col rows."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from accel_sim.dynamic.pieces import value_range
from accel_sim.errors import WorkloadError
from accel_sim.im2col_kernel import im2col
from accel_sim.memory.footprint_kernel import conv_vector
from accel_sim.workload import GemmLayer

__all__ = ["LayerOperands", "layer_operands"]


class LayerOperands:
    """Activations and weights of one layer, group by group."""

    def __init__(self, layer: GemmLayer, activations: NDArray[np.integer], weights: NDArray[np.integer]) -> None:
        self._layer, self._activations, self._weights = layer, activations, weights
        self._conv = conv_vector(layer.conv)

    def activations(self, group: int) -> NDArray[np.integer]:
        """``(m, k)``; zeros where a convolution reads its padding."""
        if self._layer.conv is None:
            plain: NDArray[np.integer] = self._activations[group]
            return plain
        matrix: NDArray[np.integer] = im2col(self._activations, self._conv, group)
        return matrix

    def weights(self, group: int) -> NDArray[np.integer]:
        """``(k, n)``."""
        weights: NDArray[np.integer] = self._weights[group]
        return weights


def layer_operands(layer: GemmLayer, seed: int) -> LayerOperands:
    """The layer's own integers where it has them; else drawn uniformly from the operand's range.

    What is drawn depends on ``seed`` and the layer's name alone.

    Raises:
        WorkloadError: an operand that does not fit its bits or the layer's shape.
    """
    conv = layer.conv
    shape_a: tuple[int, ...] = (layer.groups, layer.m, layer.k)
    if conv is not None:
        shape_a = (conv.batch, layer.groups * conv.in_channels, conv.in_h, conv.in_w)
    shape_w = (layer.groups, layer.k, layer.n)
    activations = layer.activations
    if activations is None:
        activations = _draw(layer, "activations", shape_a, layer.a_bits, layer.a_signed, seed)
    weights = layer.weights
    if weights is None:
        weights = _draw(layer, "weights", shape_w, layer.w_bits, layer.w_signed, seed)
    _check(layer, "activations", activations, shape_a, layer.a_bits, layer.a_signed)
    _check(layer, "weights", weights, shape_w, layer.w_bits, layer.w_signed)
    return LayerOperands(layer, activations, weights)


def _draw(
    layer: GemmLayer, what: str, shape: tuple[int, ...], bits: int, signed: bool, seed: int
) -> NDArray[np.integer]:
    low, high = value_range(bits, signed)
    generator = np.random.default_rng([seed, zlib.crc32(f"{layer.name}/{what}".encode())])
    if (low, high) == (-1, 1):
        return generator.choice(np.array([-1, 1], np.int16), shape)
    return generator.integers(low, high + 1, shape, np.int32)


def _check(
    layer: GemmLayer, what: str, values: NDArray[np.integer], shape: tuple[int, ...], bits: int, signed: bool
) -> None:
    if values.shape != shape:
        raise WorkloadError(f"layer {layer.name}: {what} have shape {values.shape}; allowed: {shape}")
    low, high = value_range(bits, signed)
    smallest, largest = int(values.min()), int(values.max())
    if smallest < low or largest > high:
        worst = smallest if smallest < low else largest
        place = tuple(int(i) for i in np.unravel_index(int(np.argmax(values == worst)), values.shape))
        raise WorkloadError(
            f"layer {layer.name}: {what}{list(place)}: holds {worst}; allowed for {bits} bits"
            f" {'signed' if signed else 'unsigned'}: {low} to {high}"
        )
