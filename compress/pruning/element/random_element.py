"""Control: weights drawn at random go."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, PrunableLayer, keep_largest

__all__ = ["RandomElement"]


@dataclass(frozen=True)
class RandomElement(Criterion):
    """Removes ``ratio · size`` weights, every subset of that size equally likely; the layer's seed decides."""

    name = "random_element"
    granularity = Granularity.ELEMENT
    source = "control"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """A random subset; those that go at a lower ratio go at a higher one, too."""
        rank = torch.randperm(layer.weight.numel(), generator=layer.generator())
        return keep_largest(rank.to(layer.weight.device), ratio).reshape(layer.weight.shape)
