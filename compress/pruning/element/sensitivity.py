"""Sensitivity: a threshold in units of the layer's standard deviation."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, PrunableLayer, keep_largest, pruned_count

__all__ = ["Sensitivity", "multiple_of_deviation"]


@dataclass(frozen=True)
class Sensitivity(Criterion):
    """Removes weights with ``|w| < s·σ``, σ the standard deviation of the layer's weights.

    The ratio is nominal: it sets s so that a layer of normally distributed weights around zero would lose that share.
    What a layer really loses follows from its own distribution: more than the ratio where a few large weights make σ
    large, less where weights are spread evenly. Layers with one ratio share one s; that, and no count, is what sets
    this rule apart from ``level``. Equal weights have σ = 0 and all stay; the largest weight stays in any case.
    """

    name = "sensitivity"
    granularity = Granularity.ELEMENT
    source = "Han et al., Learning both Weights and Connections, 2015; Distiller's sensitivity pruner"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """Weights of at least ``s·σ``."""
        magnitude = layer.weight.abs()
        threshold = multiple_of_deviation(ratio) * layer.weight.std(correction=0)
        largest = keep_largest(magnitude, pruned_count(1.0, magnitude.numel()) / magnitude.numel())
        return (magnitude >= threshold) | largest


def multiple_of_deviation(ratio: float) -> float:
    """The s for which a normal distribution has the share ``ratio`` within ±s·σ.

    >>> round(multiple_of_deviation(0.6827), 3)
    1.0
    """
    return NormalDist().inv_cdf((1 + ratio) / 2)
