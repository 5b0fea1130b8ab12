"""Statistics of a layer's output channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["channel_means", "channel_moments"]


def _by_channel(outputs: Tensor, layer: nn.Module) -> Tensor:
    """``(channels, values)``: a linear layer writes its channels last, others second."""
    if isinstance(layer, nn.Linear):
        return outputs.flatten(0, -2).T
    return outputs.transpose(0, 1).flatten(1)


def channel_means(outputs: Tensor, layer: nn.Module) -> Tensor:
    """``(channels,)`` float64."""
    return _by_channel(outputs, layer).mean(1, dtype=torch.float64)


def channel_moments(outputs: Tensor, layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, each ``(channels,)`` float64."""
    values = _by_channel(outputs, layer)
    means = values.mean(1, dtype=torch.float64)
    spread = (values - means.float()[:, None]).square_().mean(1, dtype=torch.float64)
    return means, spread.sqrt()
