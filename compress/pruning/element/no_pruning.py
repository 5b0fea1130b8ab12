"""Nothing is removed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, PrunableLayer

__all__ = ["NoPruning"]


@dataclass(frozen=True)
class NoPruning(Criterion):
    """Keeps every weight, whatever the ratio."""

    name = "none"
    granularity = Granularity.ELEMENT

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:  # noqa: ARG002 the interface's
        """All True."""
        return torch.ones_like(layer.weight, dtype=torch.bool)
