"""Filters whose outputs are smallest on calibration images go."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import FilterCriterion, Need, PrunableLayer
from compress.pruning.statistics.required import required

__all__ = ["MeanActivation"]


class MeanActivation(FilterCriterion):
    """``score = mean |a|`` over all images and positions, a being the output after the activation function.

    After a ReLU that is the paper's mean activation; of a layer that has no activation function before its output is
    added up, the mean itself would rank by the sign.

    >>> import torch
    >>> from compress.pruning.criterion import LayerStatistics
    >>> seen = LayerStatistics(output_magnitudes=torch.tensor([0.3, 0.1, 0.2]))
    >>> MeanActivation().kept_filters(PrunableLayer("fc", torch.ones(3, 2), statistics=seen), 0.3)
    tensor([ True, False,  True])
    """

    name = "mean_activation"
    needs = frozenset([Need.OUTPUT_ACTIVITY])
    source = "Molchanov et al., Pruning Convolutional Neural Networks for Resource Efficient Inference, ICLR 2017"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` mean magnitudes."""
        return required(layer, self, Need.OUTPUT_ACTIVITY, "output_magnitudes")
