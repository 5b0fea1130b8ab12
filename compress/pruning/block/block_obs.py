"""Second-order pruning of blocks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from compress.pruning.block.criterion import BlockCriterion
from compress.pruning.criterion import Need, PrunableLayer
from compress.pruning.second_order.hessian import problem_of
from compress.pruning.second_order.reconstruct import reconstructed
from compress.pruning.second_order.selection import kept_blocks

__all__ = ["BlockObs"]


@dataclass(frozen=True)
class BlockObs(BlockCriterion):
    """Removes the blocks whose removal costs least per weight, the other weights moved to make up for it.

    Exact greedy order or SparseGPT's columns, as :func:`~compress.pruning.second_order.selection.kept_blocks` says.
    """

    name = "block_obs"
    needs = frozenset({Need.INPUT_MOMENTS})
    source = "Frantar and Alistarh, Optimal Brain Compression, 2022 (its group rule), and SparseGPT, 2023"

    def kept_blocks(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """What the greedy order leaves."""
        return kept_blocks(problem_of(layer), ratio, self.rows, self.cols)

    def update(self, layer: PrunableLayer, mask: Tensor) -> Tensor:
        """See :func:`~compress.pruning.second_order.reconstruct.reconstructed`."""
        return reconstructed(layer, mask)
