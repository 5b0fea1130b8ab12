"""Filters whose outputs are zero most often on calibration images go."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import FilterCriterion, Need, PrunableLayer
from compress.pruning.statistics.required import required

__all__ = ["Apoz"]


class Apoz(FilterCriterion):
    """``score = 1 - APoZ``, APoZ being the average percentage of zeros after the activation function.

    It says something about layers with a ReLU alone. Where no output is ever exactly zero, all filters are equal, and
    those with the lowest index go.

    >>> import torch
    >>> from compress.pruning.criterion import LayerStatistics
    >>> seen = LayerStatistics(output_zeros=torch.tensor([0.3, 0.9, 0.2]))
    >>> Apoz().kept_filters(PrunableLayer("fc", torch.ones(3, 2), statistics=seen), 0.3)
    tensor([ True, False,  True])
    """

    name = "apoz"
    needs = frozenset([Need.OUTPUT_ACTIVITY])
    source = "Hu et al., Network Trimming, arXiv 1607.03250, 2016"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` shares of outputs that are not zero."""
        return 1 - required(layer, self, Need.OUTPUT_ACTIVITY, "output_zeros")
