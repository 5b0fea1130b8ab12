"""Filters with the smallest sum of absolute weights go."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import FilterCriterion, PrunableLayer

__all__ = ["L1Filter"]


class L1Filter(FilterCriterion):
    """``score = Σ |w|`` over a filter.

    >>> import torch
    >>> layer = PrunableLayer("fc", torch.tensor([[3.0, -1.0], [0.5, 0.5], [-2.0, 0.0]]))
    >>> L1Filter().kept_filters(layer, 0.34)
    tensor([ True, False,  True])
    """

    name = "l1_filter"
    source = "Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` L1 norms."""
        return layer.weight.double().flatten(1).abs().sum(1)
