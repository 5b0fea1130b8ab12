"""Filters near the geometric median of all filters go: the others can stand in for them."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.criterion import FilterCriterion, PrunableLayer

__all__ = ["GeometricMedian"]


class GeometricMedian(FilterCriterion):
    """``score_i = Σ_j ‖w_i - w_j‖``; the filter with the smallest is the geometric median among the filters.

    Scores are taken once, as in the paper's code: the distances to filters that go are not taken out again.

    >>> layer = PrunableLayer("fc", torch.tensor([[9.0], [1.0], [2.0], [-5.0]]))
    >>> GeometricMedian().scores(layer)
    tensor([29., 15., 15., 27.], dtype=torch.float64)
    """

    name = "fpgm"
    source = "He et al., Filter Pruning via Geometric Median, CVPR 2019"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` sums of distances to all filters."""
        filters = layer.weight.double().flatten(1)
        # Differences, not norms and products: two equal filters are then exactly at distance zero.
        return torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist").sum(1)
