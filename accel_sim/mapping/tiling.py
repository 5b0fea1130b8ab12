"""A mapping: how a layer's GEMMs are cut into tiles, and in which order the tiles run.

A tile is ``tile_m × tile_n × tile_k`` of one group (or ``tile_g`` whole groups). Its activations, weights and
partial sums live in one half of the SRAMs. ``loop_order`` names the tile loops, outermost first; groups are always
outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.workload import GemmLayer

__all__ = ["LOOP_ORDERS", "TileRange", "Tiling", "last_k_tiles", "tile_indices", "tile_ranges"]

LOOP_ORDERS = ("mnk", "mkn", "nmk", "nkm", "kmn", "knm")
Range = tuple[int, int]


@dataclass(frozen=True)
class Tiling:
    """Tile sizes in elements of M, N, K and groups, the loop order and the dimension dealt to several arrays."""

    tile_m: int
    tile_n: int
    tile_k: int
    tile_g: int = 1
    loop_order: str = "mnk"
    array_dim: str = "n"

    def to_dict(self) -> dict[str, Any]:
        """The mapping as it stands in a result."""
        return {
            "tile_m": self.tile_m,
            "tile_n": self.tile_n,
            "tile_k": self.tile_k,
            "tile_groups": self.tile_g,
            "loop_order": self.loop_order,
            "array_dim": self.array_dim,
        }


class TileRange(NamedTuple):
    """What one tile covers, as (first, one past the last)."""

    groups: Range
    m: Range
    n: Range
    k: Range


def tile_ranges(layer: GemmLayer, tiling: Tiling) -> Iterator[TileRange]:
    """Ranges of all tiles in the order in which they run."""
    extents = {"m": (layer.m, tiling.tile_m), "n": (layer.n, tiling.tile_n), "k": (layer.k, tiling.tile_k)}
    parts = {name: _parts(extent, size) for name, (extent, size) in extents.items()}
    outer, middle, inner = tuple(tiling.loop_order)
    for groups in _parts(layer.groups, tiling.tile_g):
        for first in parts[outer]:
            for second in parts[middle]:
                for third in parts[inner]:
                    place = {outer: first, middle: second, inner: third}
                    yield TileRange(groups, place["m"], place["n"], place["k"])


def tile_indices(layer: GemmLayer, tiling: Tiling) -> dict[str, NDArray[np.int64]]:
    """Of every tile, in the order in which they run, its number along ``g``, ``m``, ``n`` and ``k``."""
    counts = {
        "m": -(-layer.m // tiling.tile_m),
        "n": -(-layer.n // tiling.tile_n),
        "k": -(-layer.k // tiling.tile_k),
    }
    shape = (-(-layer.groups // tiling.tile_g), *(counts[name] for name in tiling.loop_order))
    indices = np.unravel_index(np.arange(int(np.prod(shape))), shape)
    return {name: np.asarray(index, np.int64) for name, index in zip(("g", *tiling.loop_order), indices, strict=True)}


def last_k_tiles(layer: GemmLayer, tiling: Tiling) -> NDArray[np.bool_]:
    """Which tiles finish their outputs."""
    return np.asarray((tile_indices(layer, tiling)["k"] + 1) * tiling.tile_k >= layer.k)


def _parts(extent: int, size: int) -> list[Range]:
    return [(first, min(extent, first + size)) for first in range(0, extent, size)]
