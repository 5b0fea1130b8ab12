"""Filters whose feature maps have the lowest rank on calibration images go."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import FilterCriterion, Need, PrunableLayer
from compress.pruning.statistics.required import required

__all__ = ["HRank"]


class HRank(FilterCriterion):
    """``score = mean over images of rank(feature map)``, the map taken after the activation function.

    A linear layer's map is a column of positions, so its rank is one where the output is not zero and else zero.

    >>> import torch
    >>> from compress.pruning.criterion import LayerStatistics
    >>> seen = LayerStatistics(output_ranks=torch.tensor([30.5, 12.0, 28.0]))
    >>> HRank().kept_filters(PrunableLayer("c", torch.ones(3, 2, 3, 3), statistics=seen), 0.3)
    tensor([ True, False,  True])
    """

    name = "hrank"
    needs = frozenset([Need.OUTPUT_RANKS])
    source = "Lin et al., HRank: Filter Pruning using High-Rank Feature Map, CVPR 2020"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` mean ranks."""
        return required(layer, self, Need.OUTPUT_RANKS, "output_ranks")
