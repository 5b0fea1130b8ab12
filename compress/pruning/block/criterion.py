"""What block algorithms share: the grid of blocks over the weight matrix ``W[k, n]`` of each group.

k is ordered (kernel row, kernel column, input channel), as ``accel_sim`` has it. The grid starts at ``W[0, 0]`` of each
group; blocks at the far edges are cut off there. With one row and as many columns as the array has, a block is what a
machine with ``weight_sparsity: skip_rows`` does not fetch.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.blocks import expand_blocks
from compress.pruning.criterion import Criterion, Granularity, PrunableLayer
from compress.pruning.gemm_order import from_gemm_rows, gemm_rows

__all__ = ["BlockCriterion"]


@dataclass(frozen=True)
class BlockCriterion(Criterion):
    """Removes ``rows × cols`` blocks of ``W[k, n]``; the ratio counts blocks, cut ones like whole ones.

    Raises:
        PolicyError: a side below 1.
    """

    granularity = Granularity.BLOCK

    rows: int
    cols: int

    def __post_init__(self) -> None:
        for side in ("rows", "cols"):
            if getattr(self, side) < 1:
                raise PolicyError(f"algorithm {self.name}: {side} is {getattr(self, side)}; allowed: from 1")

    @abstractmethod
    def kept_blocks(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """``(groups, ceil(k / rows), ceil(n / cols))`` bool."""

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """Whole blocks, see :meth:`kept_blocks`."""
        _, n, k = gemm_rows(layer.weight, layer.groups).shape
        matrix = expand_blocks(self.kept_blocks(layer, ratio), self.rows, self.cols, k, n)
        mask = from_gemm_rows(matrix.transpose(1, 2), layer.weight.shape)
        return mask.to(layer.weight.device).contiguous()
