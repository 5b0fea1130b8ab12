"""Second-order pruning of single weights: what the others can make up for goes, and they do."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, Need, PrunableLayer
from compress.pruning.gemm_order import from_gemm_rows
from compress.pruning.second_order.hessian import problem_of
from compress.pruning.second_order.reconstruct import reconstructed
from compress.pruning.second_order.selection import kept_blocks

__all__ = ["Obs"]


@dataclass(frozen=True)
class Obs(Criterion):
    """Optimal Brain Surgeon on the layer's output error, with the update of the weights that stay.

    Weights go one by one, each time the one of the whole layer whose removal raises the error least (exact greedy, as
    in Optimal Brain Compression); in large layers block by block of columns, of each the same share (SparseGPT);
    :func:`~compress.pruning.second_order.selection.kept_blocks` says which.
    """

    name = "obs"
    granularity = Granularity.ELEMENT
    needs = frozenset({Need.INPUT_MOMENTS})
    source = "Hassibi et al., Optimal Brain Surgeon, 1993; Frantar and Alistarh, OBC, 2022, and SparseGPT, 2023"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """What the greedy order leaves."""
        kept = kept_blocks(problem_of(layer), ratio, rows=1, cols=1)
        mask = from_gemm_rows(kept.transpose(1, 2), layer.weight.shape)
        return mask.to(layer.weight.device).contiguous()

    def update(self, layer: PrunableLayer, mask: Tensor) -> Tensor:
        """See :func:`~compress.pruning.second_order.reconstruct.reconstructed`."""
        return reconstructed(layer, mask)
