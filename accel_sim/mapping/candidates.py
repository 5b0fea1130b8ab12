"""Tile sizes worth trying: for a number of tiles the smallest size that gives it, rounded up to fill the array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import step_lanes
from accel_sim.hardware.schema import ArrayConfig, Hardware, NmSparsity
from accel_sim.workload import GemmLayer

__all__ = ["Candidates", "candidates"]

_MOST_SIZES = 20


@dataclass(frozen=True)
class Candidates:
    """Tile sizes to try along groups, M, N and K, ascending."""

    g: NDArray[np.int64]
    m: NDArray[np.int64]
    n: NDArray[np.int64]
    k: NDArray[np.int64]


def _sizes(extent: int, unit: int, fixed: int | None, extra: tuple[int, ...] = ()) -> NDArray[np.int64]:
    """Sizes from one ``unit`` to the whole ``extent``, at most about twenty, spread evenly in ratio."""
    if fixed is not None:
        return np.array([min(fixed, extent)], np.int64)
    units = -(-extent // unit)
    numbers = {round(units ** (i / (_MOST_SIZES - 1))) for i in range(_MOST_SIZES)} | set(range(1, min(units, 8) + 1))
    sizes = {min(extent, unit * -(-units // number)) for number in numbers if 1 <= number <= units}
    sizes |= {size for size in extra if 0 < size < extent}
    return np.array(sorted(sizes), np.int64)


def _multiples(base: int, extent: int) -> tuple[int, ...]:
    """A few multiples of ``base`` up to ``extent``."""
    return tuple(base << i for i in range(12) if base << i < extent)


def candidates(hardware: Hardware, layer: GemmLayer) -> Candidates:
    """What the search tries for ``layer``; sizes that the hwconfig fixes stand alone."""
    array, fixed = hardware.array, hardware.mapping
    whole = hardware.buffers.unlimited_capacity
    lanes = step_lanes(array, layer.a_bits, layer.w_bits)
    k_unit = lanes if array.dataflow == "os" else array.rows * lanes
    m_unit = {"ws": 1, "is": array.cols, "os": array.rows}[array.dataflow]
    n_unit = 1 if array.dataflow == "is" else array.cols
    conv = layer.conv
    m_extra = _multiples(conv.out_w, layer.m) + _multiples(conv.out_w * conv.out_h, layer.m) if conv else ()
    k_extra = _multiples(conv.in_channels, layer.k) if conv else ()
    return Candidates(
        g=_sizes(layer.groups, 1, layer.groups if whole else None),
        m=_sizes(layer.m, m_unit, fixed.tile_m or (layer.m if whole else None), m_extra),
        n=_sizes(layer.n, n_unit, fixed.tile_n or (layer.n if whole else None)),
        k=_whole_groups(array, layer, _sizes(layer.k, k_unit, fixed.tile_k or (layer.k if whole else None), k_extra)),
    )


def _whole_groups(array: ArrayConfig, layer: GemmLayer, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """With N:M sparsity, the sizes that cut no group: all of K, whole kernel positions, or whole groups of one."""
    if not isinstance(array.weight_sparsity, NmSparsity):
        return sizes
    segment = layer.conv.in_channels if layer.conv else layer.k
    of = array.weight_sparsity.of
    cuts_none = (sizes == layer.k) | (sizes % segment == 0) | ((segment % of == 0) & (sizes % of == 0))
    kept = sizes[cuts_none]
    return kept if len(kept) else np.array([layer.k], np.int64)
