"""Filters with the smallest Euclidean norm go."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import FilterCriterion, PrunableLayer

__all__ = ["L2Filter"]


class L2Filter(FilterCriterion):
    """``score = sqrt(Σ w²)`` over a filter.

    >>> import torch
    >>> layer = PrunableLayer("fc", torch.tensor([[3.0, 0.0], [2.0, 2.0]]))
    >>> L2Filter().kept_filters(layer, 0.5)
    tensor([ True, False])
    """

    name = "l2_filter"
    source = "Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` L2 norms."""
        return layer.weight.double().flatten(1).square().sum(1).sqrt()
