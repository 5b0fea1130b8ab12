"""Statistics of batch normalisation taken again on the pruned or quantised network.

Batch normalisation makes each channel's mean and deviation what training wanted; behind pruned or rounded weights they
drift. Here each channel gets the gain and shift that restore the mean and deviation which the float reference has on
the same calibration images: exact means over all of them, no momentum. For a batch normalisation that stands by itself
this goes into its parameters. For one that is folded it goes into the scales of the weights and the bias of the layer,
which is the same function. (Taking the reference's statistics rather than gamma and beta as the goal also works for
weight files whose batch normalisation was folded before, and is not misled by augmented training images.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from compress.quantization.repairs.channels import channel_moments

__all__ = ["adjust", "restoring_gain_and_shift"]

LARGEST_GAIN = 4.0
"""A channel whose deviation has all but vanished is not blown up further."""


def restoring_gain_and_shift(given: Tensor, wanted: Tensor, layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Gain and shift ``(channels,)``, float64, after which the channels' moments are the wanted ones.

    Gains are within ``1/LARGEST_GAIN … LARGEST_GAIN``; a channel that is constant, or should be, keeps gain 1.
    """
    mean, deviation = channel_moments(given, layer)
    wanted_mean, wanted_deviation = channel_moments(wanted, layer)
    varies = (deviation > 1e-12) & (wanted_deviation > 1e-12)
    gain = torch.where(varies, wanted_deviation / deviation.clamp(min=1e-12), 1.0)
    gain = gain.clamp(1 / LARGEST_GAIN, LARGEST_GAIN)
    return gain, wanted_mean - gain * mean


def adjust(layer: nn.Module, x: Tensor, wanted: Tensor) -> nn.Module:
    """A float layer or batch normalisation, changed in place so that its outputs have the wanted moments."""
    assert isinstance(layer, nn.Conv2d | nn.Linear | nn.BatchNorm1d | nn.BatchNorm2d)
    gain, shift = restoring_gain_and_shift(layer(x), wanted, layer)
    with torch.no_grad():
        weight = torch.ones_like(gain) if layer.weight is None else layer.weight.double()
        bias = torch.zeros_like(gain) if layer.bias is None else layer.bias.double()
        layer.weight = nn.Parameter((weight * gain.reshape(-1, *[1] * (weight.ndim - 1))).float())
        layer.bias = nn.Parameter((bias * gain + shift).float())
    return layer
