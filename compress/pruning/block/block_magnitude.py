"""Blocks by magnitude."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from compress.pruning.block.criterion import BlockCriterion
from compress.pruning.blocks import block_means
from compress.pruning.criterion import PrunableLayer, keep_largest
from compress.pruning.gemm_order import gemm_rows

__all__ = ["BlockMagnitude"]


@dataclass(frozen=True)
class BlockMagnitude(BlockCriterion):
    """Removes the blocks of smallest mean magnitude; blocks that an edge cuts count their own weights only.

    With 1×2 blocks and ratio 0.5, the row ``[0.1, -0.9, 0.2, 0.3]`` of W becomes ``[0.1, -0.9, 0, 0]``.
    """

    name = "block_magnitude"
    source = "Mao et al., Exploring the Granularity of Sparsity in Convolutional Neural Networks, 2017"

    def kept_blocks(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """The blocks of largest mean magnitude."""
        matrix = gemm_rows(layer.weight, layer.groups).transpose(1, 2).abs()
        return keep_largest(block_means(matrix, self.rows, self.cols), ratio)
