"""Splicing: two thresholds, and a second opinion between them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, Need, PrunableLayer, keep_largest, pruned_count
from compress.pruning.input_norms import input_weighted_magnitude

__all__ = ["HIGH", "LOW", "Splicing"]

LOW, HIGH = 0.9, 1.1
"""The thresholds of dynamic network surgery's own code, in units of the threshold between them."""


@dataclass(frozen=True)
class Splicing(Criterion):
    """Weights clearly below the level's threshold go, those clearly above stay; importance decides in between.

    Dynamic network surgery leaves a weight between its thresholds as it was in the step of training before, where its
    effect on the loss has had a say. Without training there is no step before: here ``|w| · ‖x‖₂`` (how much the weight
    moves the output) decides who of those between stays, so that exactly the asked number goes. The thresholds are 0.9
    and 1.1 times the magnitude at which ``level`` would stop.
    """

    name = "splicing"
    granularity = Granularity.ELEMENT
    needs = frozenset({Need.INPUT_MOMENTS})
    source = "Guo et al., Dynamic Network Surgery for Efficient DNNs, 2016"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """What stays of the three bands."""
        magnitude, importance = layer.weight.abs(), input_weighted_magnitude(layer)
        count = pruned_count(ratio, magnitude.numel())
        if count == 0:
            return torch.ones_like(magnitude, dtype=torch.bool)
        threshold = magnitude.reshape(-1).kthvalue(count).values
        below, above = magnitude < LOW * threshold, magnitude > HIGH * threshold
        return keep_largest(importance.masked_fill(below, -1.0).masked_fill(above, torch.inf), ratio)
