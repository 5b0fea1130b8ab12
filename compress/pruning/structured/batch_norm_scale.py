"""Filters that the batch normalisation after them scales down most go."""

from __future__ import annotations

from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.criterion import FilterCriterion, PrunableLayer

__all__ = ["BatchNormScale"]


class BatchNormScale(FilterCriterion):
    """``score = |gamma|`` of the batch normalisation that reads the layer.

    The paper trains with a penalty on gamma first; without retraining, gamma is what the network came with. Where batch
    normalisation has been folded into the weights, gamma is one everywhere and says nothing.

    >>> import torch
    >>> layer = PrunableLayer("conv1", torch.ones(3, 1, 1, 1), batch_norm_scale=torch.tensor([0.5, -0.9, 0.1]))
    >>> BatchNormScale().kept_filters(layer, 0.34)
    tensor([ True,  True, False])
    """

    name = "batch_norm_scale"
    source = "Liu et al., Learning Efficient Convolutional Networks through Network Slimming, ICCV 2017"

    def scores(self, layer: PrunableLayer) -> Tensor:
        """``(out_channels,)`` absolute scales.

        Raises:
            PolicyError: no batch normalisation with a scale reads the layer.
        """
        if layer.batch_norm_scale is None:
            raise PolicyError(
                f"layer {layer.name!r}: algorithm {self.name!r} needs a batch normalisation with a scale right after "
                "the layer, and there is none; allowed here: any other filter algorithm, such as 'l1_filter'"
            )
        return layer.batch_norm_scale.double().abs()
