"""The mean shift of each output channel put into its bias (Nagel et al., "Data-free quantization", 2019, 4.2)."""

from __future__ import annotations

from torch import Tensor, nn

from compress.quantization.repairs.channels import channel_means

__all__ = ["bias_shift"]


def bias_shift(given: Tensor, wanted: Tensor, layer: nn.Module) -> Tensor:
    """What to add to each channel's bias so that the mean output is the wanted one, ``(channels,)`` float64.

    Measured on calibration images, layer by layer, each behind layers that are corrected already.

    Args:
        given: the layer's outputs now.
        wanted: the float network's.
        layer: says which axis holds the channels.
    """
    return channel_means(wanted, layer) - channel_means(given, layer)
