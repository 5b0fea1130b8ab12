"""A mapping: how a layer's GEMMs are cut into tiles, and in which order the tiles run.

A tile is ``tile_m × tile_n × tile_k`` of one group (or ``tile_g`` whole groups). Its activations, weights and
partial sums live in one half of the SRAMs. ``loop_order`` names the tile loops, outermost first; groups are always
outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["LOOP_ORDERS", "Tiling"]

LOOP_ORDERS = ("mnk", "mkn", "nmk", "nkm", "kmn", "knm")


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
