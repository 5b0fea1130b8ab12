"""The integers of a layer: given, or drawn; activations of a convolution as im2col rows."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import NmSparsity
from accel_sim.im2col_kernel import im2col
from accel_sim.memory.footprint_kernel import conv_vector
from accel_sim.operand_checks import n_m_segment, operand_range, operand_shapes
from accel_sim.workload import GemmLayer

__all__ = ["LayerOperands", "layer_operands"]


class LayerOperands:
    """Activations and weights of one layer, group by group, as they are or looked up in a table."""

    def __init__(self, layer: GemmLayer, activations: NDArray[np.integer], weights: NDArray[np.integer]) -> None:
        self._layer, self._activations, self._weights = layer, activations, weights
        self._conv = conv_vector(layer.conv)

    @property
    def stored_activations(self) -> NDArray[np.integer]:
        """As the layer holds them: of a convolution the feature map, ``(batch, groups·in_channels, in_h, in_w)``."""
        return self._activations

    @property
    def stored_weights(self) -> NDArray[np.integer]:
        """``(groups, k, n)``."""
        return self._weights

    def activations(self, group: int, table: NDArray[Any] | None = None) -> NDArray[Any]:
        """``(m, k)``; a convolution's padding is 0. With a table, the values' entries (negative ones from its end)."""
        conv = self._layer.conv
        if conv is None:
            return _look_up(self._activations[group], table)
        channels = slice(group * conv.in_channels, (group + 1) * conv.in_channels)
        images = _look_up(self._activations[:, channels], table).transpose(0, 2, 3, 1)
        padding = images.dtype.type(0 if table is None else table[0])
        matrix: NDArray[np.integer] = im2col(np.ascontiguousarray(images), self._conv, padding)
        return matrix

    def weights(self, group: int, table: NDArray[Any] | None = None) -> NDArray[Any]:
        """``(k, n)``, looked up as the activations are."""
        return _look_up(self._weights[group], table)


def _look_up(values: NDArray[Any], table: NDArray[Any] | None) -> NDArray[Any]:
    looked_up: NDArray[Any] = values if table is None else table[values]
    return looked_up


def layer_operands(layer: GemmLayer, seed: int, sparsity: NmSparsity | str = "none") -> LayerOperands:
    """The layer's own integers where it has them; else drawn uniformly from the operand's range.

    What is drawn depends on ``seed`` and the layer's name alone. Under N:M ``sparsity``, of the drawn weights the
    largest magnitudes of each group stay (ties: the lower k), the others are 0. Integers that the layer has are
    taken as they are: :func:`accel_sim.operand_checks.check_operands` looks at them.
    """
    shape_a, shape_w = operand_shapes(layer)
    activations, weights = layer.activations, layer.weights
    if activations is None:
        activations = _draw(layer, "activations", shape_a, layer.a_bits, layer.a_signed, seed)
    if weights is None:
        weights = _draw(layer, "weights", shape_w, layer.w_bits, layer.w_signed, seed)
        if isinstance(sparsity, NmSparsity):
            weights = _prune(weights, sparsity, n_m_segment(layer))
    return LayerOperands(layer, activations, weights)


def _draw(
    layer: GemmLayer, what: str, shape: tuple[int, ...], bits: int, signed: bool, seed: int
) -> NDArray[np.integer]:
    low, high = operand_range(bits, signed)
    generator = np.random.default_rng([seed, zlib.crc32(f"{layer.name}/{what}".encode())])
    if (low, high) == (-1, 1):
        return generator.choice(np.array([-1, 1], np.int16), shape)
    return generator.integers(low, high + 1, shape, np.int32)


def _prune(weights: NDArray[np.integer], sparsity: NmSparsity, segment: int) -> NDArray[np.integer]:
    """The weights ``(groups, k, n)`` with zeros in place of those that the N:M pattern has no room for."""
    groups, k, n = weights.shape
    magnitude = np.abs(weights).reshape(groups, k // segment, segment, n)
    kept = np.empty(magnitude.shape, bool)
    whole = segment - segment % sparsity.of
    for first, last, size in ((0, whole, sparsity.of), (whole, segment, segment - whole)):
        if first == last:
            continue
        of_groups = magnitude[:, :, first:last].reshape(groups, k // segment, -1, size, n)
        room = np.stack([_rank(of_groups, i) < sparsity.keep for i in range(size)], axis=3)
        kept[:, :, first:last] = room.reshape(groups, k // segment, last - first, n)
    return np.where(kept.reshape(weights.shape), weights, weights.dtype.type(0))


def _rank(magnitude: NDArray[np.integer], place: int) -> NDArray[np.integer]:
    """How many of a group's values (axis 3) come before the one at ``place``: larger ones, equal ones of lower k."""
    own = magnitude[:, :, :, place : place + 1]
    rank: NDArray[np.integer] = np.count_nonzero(magnitude[:, :, :, :place] >= own, axis=3)
    rank += np.count_nonzero(magnitude[:, :, :, place + 1 :] > own, axis=3)
    return rank
