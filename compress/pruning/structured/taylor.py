"""Filters go whose removal changes the loss least, to first order."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import FilterCriterion, Need, PrunableLayer
from compress.pruning.statistics.required import required

__all__ = ["Taylor"]


class Taylor(FilterCriterion):
    """``score = mean over images of (Σ gradient · output)²``, summed over the positions of a channel.

    The inner sum is the derivative of the image's loss by a gate that multiplies the channel, which is 1 now and 0 once
    the channel is gone; the paper squares it per batch, here it is squared per image.

    >>> import torch
    >>> from compress.pruning.criterion import LayerStatistics
    >>> seen = LayerStatistics(taylor=torch.tensor([4e-3, 2e-5, 1e-3]))
    >>> Taylor().kept_filters(PrunableLayer("fc", torch.ones(3, 2), statistics=seen), 0.3)
    tensor([ True, False,  True])
    """

    name = "taylor"
    needs = frozenset([Need.GRADIENTS])
    source = "Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR 2019 (gates)"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` squared changes of the loss."""
        return required(layer, self, Need.GRADIENTS, "taylor")
