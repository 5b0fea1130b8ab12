"""Filters drawn at random go: the control that every other criterion has to beat."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.criterion import FilterCriterion, PrunableLayer

__all__ = ["RandomFilter"]


class RandomFilter(FilterCriterion):
    """Every set of filters of the right size is as likely; which one it is follows from the layer's seed.

    >>> layer = PrunableLayer("fc", torch.ones(4, 2), seed=1)
    >>> int(RandomFilter().kept_filters(layer, 0.5).sum())
    2
    """

    name = "random_filter"
    source = "control"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` independent uniform numbers, drawn on the CPU so that every device has the same."""
        drawn = torch.rand(layer.weight.shape[0], generator=layer.generator(), dtype=torch.float64)
        return drawn.to(layer.weight.device)
