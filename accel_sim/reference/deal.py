"""The folds of a tiled layer, dealt to several arrays.

Column blocks are dealt along n (ws, os) or m (is); row folds of os along m; where the dealt dimension is the time of ws
(m) or is (n), the arrays take parts of the time steps. Folds that the arrays run side by side are a *round*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.mapping.tiling import TileRange
from accel_sim.reference.folds import Block, Fold, block_decodes, block_folds, block_skips, blocks, plan_block
from accel_sim.reference.spec import ArraySpec

__all__ = ["Dealer", "DealtFold", "DealtTile", "Matrices", "Place"]

Ints = NDArray[np.int64]


class Place(NamedTuple):
    """What a fold is in its tile: ``fold`` counts K folds (ws, is) or row folds (os) of a column block, ``part`` the
    parts of the time steps.
    """

    group: int
    block: int
    fold: int
    part: int


class DealtFold(NamedTuple):
    """A fold, the array that runs it, and what it shares with others.

    Attributes:
        place: of the fold.
        round_place: the same with the number of the round along the dealt dimension.

    """

    fold: Fold
    array: int
    place: Place
    round_place: Place


@dataclass(frozen=True)
class DealtTile:
    """The folds of a tile that have steps, in their order, and what they leave out.

    Attributes:
        skipped: multiplications that no fold does.
        decodes: indices and mask bits that the edges decode.

    """

    folds: tuple[DealtFold, ...]
    skipped: int
    decodes: int


@dataclass(frozen=True, eq=False)
class Matrices:
    """A layer's operands in the dataflow's terms; a row of the moving matrix is a time step (ws, is) or PE row (os).

    Attributes:
        moving: ``(groups·rows, k)``; weights for ``is``.
        resting: ``(groups, k, columns)``; activations for ``is``.
        weights: ``(groups, k, n)``.

    """

    moving: Ints
    resting: Ints
    weights: Ints


class Dealer:
    """Deals tile after tile; column blocks are laid out once for all tiles that use them."""

    def __init__(self, matrices: Matrices, spec: ArraySpec, arrays: int, array_dim: str, segment: int) -> None:
        self._matrices, self._spec, self._arrays, self._segment = matrices, spec, arrays, segment
        self._deals_blocks = (array_dim == "n") != (spec.dataflow == "is")
        self._dealt = "block" if self._deals_blocks else "fold" if spec.dataflow == "os" else "part"
        self._known: dict[tuple[int, int, int, tuple[int, int]], Block] = {}

    def deal(self, tile: TileRange) -> DealtTile:
        """The folds of one tile."""
        rows, cols = (tile.n, tile.m) if self._spec.dataflow == "is" else (tile.m, tile.n)
        folds: list[DealtFold] = []
        skipped = decodes = 0
        later_k = tile.k[0] > 0
        for group in range(*tile.groups):
            column_blocks = list(blocks(cols[1], self._spec.cols, cols[0]))
            parts = self._parts(rows)
            width = len(column_blocks) if self._deals_blocks else self._units(rows, parts)
            share = min(self._arrays, width)
            base = ((group - tile.groups[0]) % max(1, self._arrays // share)) * share
            for b, columns in enumerate(column_blocks):
                block = self._block(group, columns, tile.k)
                for p, part in enumerate(parts):
                    skipped += block_skips(block, len(part), tile.k[1] - tile.k[0])
                    decodes += block_decodes(block, len(part), self._spec)
                    lines = part + group * (len(self._matrices.moving) // len(self._matrices.weights))
                    planned = block_folds(block, self._matrices.moving, lines, self._spec, later_k=later_k)
                    for f, one in enumerate(planned):
                        skipped += one.skipped
                        decodes += one.decodes
                        if len(one.fold.steps):
                            place = Place(group, b, f, p)
                            turn = getattr(place, self._dealt)
                            round_place = place._replace(**{self._dealt: turn // share})
                            folds.append(DealtFold(one.fold, base + turn % share, place, round_place))
        return DealtTile(tuple(folds), skipped, decodes)

    def _parts(self, rows: tuple[int, int]) -> list[Ints]:
        """The rows of the moving matrix, cut up where arrays share the time steps."""
        if self._deals_blocks or self._spec.dataflow == "os":
            return [np.arange(*rows)]
        return list(blocks(rows[1], -(-(rows[1] - rows[0]) // self._arrays), rows[0]))

    def _units(self, rows: tuple[int, int], parts: list[Ints]) -> int:
        """What there is to deal, where that is not column blocks."""
        return -(-(rows[1] - rows[0]) // self._spec.rows) if self._spec.dataflow == "os" else len(parts)

    def _block(self, group: int, cols: Ints, ks: tuple[int, int]) -> Block:
        key = (group, int(cols[0]), int(cols[-1]), ks)
        if key not in self._known:
            resting = self._matrices.resting[group]
            weights = self._matrices.weights[group]
            deciding = weights if self._spec.dataflow == "is" else weights[:, cols[0] : cols[-1] + 1]
            self._known[key] = plan_block(resting, deciding, self._spec, self._segment, cols, ks)
        return self._known[key]
