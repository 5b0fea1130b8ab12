"""Magnitude level: the smallest weights of a layer go."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, PrunableLayer, keep_largest

__all__ = ["Level"]


@dataclass(frozen=True)
class Level(Criterion):
    """Removes exactly the ``ratio · size`` weights of smallest magnitude."""

    name = "level"
    granularity = Granularity.ELEMENT
    source = "Han et al., Learning both Weights and Connections, 2015; Zhu and Gupta, To prune, or not to prune, 2017"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """The largest magnitudes of the layer."""
        return keep_largest(layer.weight.abs(), ratio)
