"""The folds of a layer's tiles, one after another, as the reference engine lays them out and deals them to arrays."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import beat_depends_on_data
from accel_sim.hardware.schema import ArrayConfig
from accel_sim.mapping.tiling import TileRange
from accel_sim.operand_checks import n_m_segment
from accel_sim.operands import LayerOperands
from accel_sim.reference.deal import Dealing, Place
from accel_sim.reference.folds import Block, Fold, block_folds, plan_block
from accel_sim.reference.spec import ArraySpec
from accel_sim.workload import GemmLayer

__all__ = ["FoldLayout", "GroupFold", "GroupMatrices", "group_matrices", "takes_values"]

Ints = NDArray[np.int64]


class GroupFold(NamedTuple):
    """A fold and the group that it belongs to.

    Attributes:
        array: number of the array that runs it.
        taken_along: the memory that it does not read: another array of its round does, in the same beats; or ``""``.
    """

    group: int
    fold: Fold
    array: int
    taken_along: str


@dataclass(frozen=True, eq=False)
class GroupMatrices:
    """One group's operands in the dataflow's terms.

    Attributes:
        moving: ``(rows, k)``, a row is a time step (ws, is) or a PE row (os).
        resting: ``(k, columns)``.
        weights: ``(k, n)``.
    """

    moving: Ints
    resting: Ints
    weights: Ints


def takes_values(array: ArrayConfig) -> bool:
    """Whether values decide which folds and steps there are and how long these take."""
    skips = array.weight_sparsity not in ("none", "gate") or array.activation_sparsity == "skip_waves"
    return skips or beat_depends_on_data(array)


def group_matrices(
    layer: GemmLayer, spec: ArraySpec, operands: Callable[[], LayerOperands] | None, keep: int
) -> Callable[[int], GroupMatrices]:
    """A function from a group to its operands, which remembers those of ``keep`` groups.

    Args:
        operands: of the layer; ``None``: values do not matter, and zeros that take no memory stand for them.
    """
    if operands is None:
        activations = np.broadcast_to(np.int64(0), (layer.m, layer.k))
        weights = np.broadcast_to(np.int64(0), (layer.k, layer.n))
        nothing = _in_dataflow(spec, activations, weights)
        return lambda _: nothing
    real = operands()

    @lru_cache(maxsize=keep)
    def of_group(group: int) -> GroupMatrices:
        return _in_dataflow(spec, real.activations(group).astype(np.int64), real.weights(group).astype(np.int64))

    return of_group


def _in_dataflow(spec: ArraySpec, activations: Ints, weights: Ints) -> GroupMatrices:
    if spec.dataflow == "is":
        return GroupMatrices(weights.T, activations.T, weights)
    return GroupMatrices(activations, weights, weights)


class FoldLayout:
    """Lays out the folds of one layer, tile by tile; column blocks are remembered up to ``most`` operands.

    Args:
        shared: the memory that arrays in step read once for all of them, or ``""``.
    """

    def __init__(
        self,
        layer: GemmLayer,
        dealing: Dealing,
        matrices: Callable[[int], GroupMatrices],
        shared: str = "",
        most: int = 1 << 22,
    ) -> None:
        self._dealing, self._spec, self._matrices = dealing, dealing.spec, matrices
        self._segment, self._shared, self._most = n_m_segment(layer), shared, most
        self._known: OrderedDict[tuple[int, int, int, tuple[int, int]], Block] = OrderedDict()
        self._held = 0

    def of_tile(self, tile: TileRange) -> Iterator[GroupFold]:
        """The tile's folds that have steps, in the order in which each array runs its own."""
        for group in range(*tile.groups):
            moving = self._matrices(group).moving
            deal = self._dealing.of_group(tile, group)
            for b, columns in enumerate(deal.blocks):
                block = self._block(group, columns, tile.k)
                for p, part in enumerate(deal.parts):
                    planned = block_folds(block, moving, part, self._spec, later_k=tile.k[0] > 0)
                    for f, one in enumerate(planned):
                        if len(one.fold.steps):
                            _, index = deal.turn(Place(group, b, f, p))
                            yield GroupFold(group, one.fold, deal.base + index, self._shared if index else "")

    def _block(self, group: int, cols: Ints, ks: tuple[int, int]) -> Block:
        key = (group, int(cols[0]), int(cols[-1]), ks)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        matrices = self._matrices(group)
        deciding = matrices.weights if self._spec.dataflow == "is" else matrices.weights[:, cols[0] : cols[-1] + 1]
        block = plan_block(matrices.resting, deciding, self._spec, self._segment, cols, ks)
        self._known[key] = block
        self._held += _operands(block)
        while self._held > self._most and len(self._known) > 1:
            self._held -= _operands(self._known.popitem(last=False)[1])
        return block


def _operands(block: Block) -> int:
    return sum(tile.value.size for tile in block.tiles)
