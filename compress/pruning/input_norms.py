"""How large each input of a layer is on calibration images."""

from __future__ import annotations

from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.criterion import PrunableLayer

__all__ = ["input_weighted_magnitude"]


def input_weighted_magnitude(layer: PrunableLayer) -> Tensor:
    """``|w| · √E[x²]`` of the input x that each weight multiplies, the weight's shape.

    Raises:
        PolicyError: the layer's input was not measured.
    """
    moments = layer.statistics.input_moments
    if moments is None:
        raise PolicyError(f"layer {layer.name}: this algorithm needs the moments of its input; none were collected")
    # rounding must not make the mean of squares negative
    norms = moments.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt().to(layer.weight)
    by_group = layer.weight.abs().reshape(layer.groups, -1, norms.shape[1]) * norms[:, None]
    return by_group.reshape(layer.weight.shape)
