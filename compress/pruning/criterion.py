"""The interface of every pruning algorithm: what it needs to know of a layer, which weights go, what the rest becomes.

A criterion is a small frozen class. ``mask`` says what is kept; ``update`` what the kept weights become (unchanged,
rescaled, or corrected for what is gone). Both are pure: the same layer, ratio and generator state give the same result.

Counts are exact: of ``count`` candidates exactly ``pruned_count(ratio, count)`` go, the smallest by score, of equal
scores those with the lowest index, and never all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "Criterion",
    "FilterCriterion",
    "Granularity",
    "LayerStatistics",
    "Need",
    "PrunableLayer",
    "keep_largest",
    "pruned_count",
]


class Granularity(StrEnum):
    """What is removed as a whole."""

    ELEMENT = "element"
    """single weights"""
    N_M = "n_m"
    """all but ``keep`` of every ``of`` neighbours along the input channels (or inputs) of one output"""
    BLOCK = "block"
    """``rows × cols`` blocks of the GEMM's weight matrix ``W[k, n]``"""
    FILTER = "filter"
    """output channels"""
    CHANNEL = "channel"
    """input channels"""


class Need(StrEnum):
    """What a criterion wants to know beside the weights; collected on calibration images before it is asked."""

    INPUT_MOMENTS = "input_moments"
    OUTPUT_ACTIVITY = "output_activity"
    OUTPUT_RANKS = "output_ranks"
    GRADIENTS = "gradients"


@dataclass(frozen=True)
class LayerStatistics:
    """What calibration images say about a layer; only what was asked for is there.

    Attributes:
        input_moments: ``(groups, k, k)`` float64, the mean of ``x xᵀ`` over all rows x of the layer's GEMM (positions
            of all images); k is ordered as ``weight[0].flatten()``: (input channel of the group, kernel row, column).
        input_means: ``(groups, k)``, the mean of x.
        output_means: ``(out_channels,)`` mean of the output after batch normalisation and activation function.
        output_magnitudes: ``(out_channels,)`` mean of its absolute value; equal to the mean after a ReLU.
        output_zeros: ``(out_channels,)`` share of zeros there (APoZ; Hu et al., 2016).
        output_ranks: ``(out_channels,)`` mean rank of the output's feature maps (HRank; Lin et al., 2020).
        weight_gradients: the weight's shape, mean gradient of the loss.
        taylor: ``(out_channels,)`` mean over images of ``(Σ gradient · activation)²`` of each output channel
            (first-order Taylor; Molchanov et al., 2019).
    """

    input_moments: Tensor | None = None
    input_means: Tensor | None = None
    output_means: Tensor | None = None
    output_magnitudes: Tensor | None = None
    output_zeros: Tensor | None = None
    output_ranks: Tensor | None = None
    weight_gradients: Tensor | None = None
    taylor: Tensor | None = None


@dataclass(frozen=True)
class PrunableLayer:
    """A convolution or linear layer as a criterion sees it.

    Attributes:
        name: the node of the layer graph, which is the module's path.
        weight: ``(out_channels, in_channels/groups, kernel_h, kernel_w)`` or ``(out_features, in_features)``, float32.
        groups: of the convolution; 1 for a linear layer.
        batch_norm_scale: ``(out_channels,)`` gamma of the batch normalisation that reads the output, if one does.
        statistics: what was collected.
        seed: of everything the criterion draws (:meth:`generator`).
    """

    name: str
    weight: Tensor
    groups: int = 1
    batch_norm_scale: Tensor | None = None
    statistics: LayerStatistics = field(default_factory=LayerStatistics)
    seed: int = 0

    def generator(self) -> torch.Generator:
        """A fresh generator: the same draws whenever the same layer is asked with the same seed."""
        return torch.Generator().manual_seed(self.seed)


class Criterion(ABC):
    """A pruning algorithm."""

    name: ClassVar[str]
    granularity: ClassVar[Granularity]
    needs: ClassVar[frozenset[Need]] = frozenset()
    source: ClassVar[str] = ""
    """Where the rule is from."""

    @abstractmethod
    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """What is kept: bool, the weight's shape.

        Args:
            ratio: share to remove, 0 ≤ ratio < 1.
        """

    def update(self, layer: PrunableLayer, mask: Tensor) -> Tensor:
        """The weights after pruning, zero where ``mask`` is False."""
        return layer.weight * mask


class FilterCriterion(Criterion):
    """Ranks output channels by a score; those with the smallest go."""

    granularity = Granularity.FILTER

    @abstractmethod
    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)``; larger means more important."""

    def kept_filters(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """``(out_channels,)`` bool."""
        return keep_largest(self.scores(layer), ratio)

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """Whole filters, see :meth:`kept_filters`."""
        kept = self.kept_filters(layer, ratio)
        return kept.reshape(-1, *[1] * (layer.weight.ndim - 1)).expand_as(layer.weight)


def pruned_count(ratio: float, count: int) -> int:
    """How many of ``count`` candidates go: ``ratio · count`` rounded to the nearest (halves up), at least one stays.

    >>> [pruned_count(ratio, 5) for ratio in (0, 0.5, 0.69, 0.99)]
    [0, 3, 3, 4]
    """
    return max(0, min(int(ratio * count + 0.5), count - 1))


def keep_largest(scores: Tensor, ratio: float) -> Tensor:
    """Mask (scores' shape) without the ``pruned_count`` smallest; of equal scores the lowest flat index goes first.

    >>> keep_largest(torch.tensor([3.0, 1.0, 1.0, 2.0]), 0.25)
    tensor([ True, False,  True,  True])
    """
    flat = scores.reshape(-1)
    count = pruned_count(ratio, flat.numel())
    if not count:
        return torch.ones_like(scores, dtype=torch.bool)
    # finding the last score that goes takes a fraction of the time that sorting takes, and NumPy a tenth of PyTorch's
    last = float(np.partition(flat.numpy(force=True), count - 1)[count - 1])
    below = flat < last
    equal = (flat == last).nonzero()[: count - int(below.sum()), 0]
    return (~below).index_fill_(0, equal, value=False).reshape(scores.shape)


Registry = Mapping[str, type[Criterion]]
"""Name of an algorithm, as policies spell it -> its class."""
