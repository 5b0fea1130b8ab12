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

__all__ = ["Dealer", "Dealing", "DealtFold", "DealtTile", "GroupDeal", "Matrices", "Place"]

Ints = NDArray[np.int64]
Range = tuple[int, int]


class Place(NamedTuple):
    """What a fold is in its tile: ``fold`` counts K folds (ws, is) or row folds (os) of a column block, ``part`` the
    parts of the time steps.
    """

    group: int
    block: int
    fold: int
    part: int


@dataclass(frozen=True)
class GroupDeal:
    """How one group's folds of a tile are dealt.

    Attributes:
        blocks: output columns of each column block.
        parts: of the rows of the moving matrix: all of them, or those of each array where arrays share the time steps.
        dealt: the field of :class:`Place` that is dealt.
        share: arrays that the group's folds are dealt to.
        base: the first of them.
    """

    blocks: tuple[Ints, ...]
    parts: tuple[Ints, ...]
    dealt: str
    share: int
    base: int

    def turn(self, place: Place) -> tuple[int, int]:
        """The round in which a fold runs, and which of the group's arrays runs it."""
        turn: int = getattr(place, self.dealt)
        return turn // self.share, turn % self.share


@dataclass(frozen=True)
class Dealing:
    """What is dealt to how many arrays; ``array_dim``: ``n`` or ``m``."""

    spec: ArraySpec
    arrays: int
    array_dim: str

    def of_group(self, tile: TileRange, group: int) -> GroupDeal:
        """Deal the tile's folds of one group."""
        rows, cols = (tile.n, tile.m) if self.spec.dataflow == "is" else (tile.m, tile.n)
        column_blocks, dealt = tuple(blocks(cols[1], self.spec.cols, cols[0])), "part"
        parts: tuple[Ints, ...] = (np.arange(*rows),)
        if (self.array_dim == "n") != (self.spec.dataflow == "is"):
            dealt, count = "block", len(column_blocks)
        elif self.spec.dataflow == "os":
            dealt, count = "fold", -(-(rows[1] - rows[0]) // self.spec.rows)
        else:
            parts = tuple(blocks(rows[1], -(-(rows[1] - rows[0]) // self.arrays), rows[0]))
            count = len(parts)
        share = min(self.arrays, count)
        base = ((group - tile.groups[0]) % max(1, self.arrays // share)) * share
        return GroupDeal(column_blocks, parts, dealt, share, base)


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
        self._matrices, self._spec, self._segment = matrices, spec, segment
        self._dealing = Dealing(spec, arrays, array_dim)
        self._known: dict[tuple[int, int, int, Range], Block] = {}

    def deal(self, tile: TileRange) -> DealtTile:
        """The folds of one tile."""
        folds: list[DealtFold] = []
        skipped = decodes = 0
        later_k = tile.k[0] > 0
        for group in range(*tile.groups):
            deal = self._dealing.of_group(tile, group)
            first_row = group * (len(self._matrices.moving) // len(self._matrices.weights))
            for b, columns in enumerate(deal.blocks):
                block = self._block(group, columns, tile.k)
                for p, part in enumerate(deal.parts):
                    skipped += block_skips(block, len(part), tile.k[1] - tile.k[0])
                    decodes += block_decodes(block, len(part), self._spec)
                    planned = block_folds(block, self._matrices.moving, part + first_row, self._spec, later_k=later_k)
                    for f, one in enumerate(planned):
                        skipped += one.skipped
                        decodes += one.decodes
                        if len(one.fold.steps):
                            place = Place(group, b, f, p)
                            number, index = deal.turn(place)
                            round_place = place._replace(**{deal.dealt: number})
                            folds.append(DealtFold(one.fold, deal.base + index, place, round_place))
        return DealtTile(tuple(folds), skipped, decodes)

    def _block(self, group: int, cols: Ints, ks: Range) -> Block:
        key = (group, int(cols[0]), int(cols[-1]), ks)
        if key not in self._known:
            resting = self._matrices.resting[group]
            weights = self._matrices.weights[group]
            deciding = weights if self._spec.dataflow == "is" else weights[:, cols[0] : cols[-1] + 1]
            self._known[key] = plan_block(resting, deciding, self._spec, self._segment, cols, ks)
        return self._known[key]
