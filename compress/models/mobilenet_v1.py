"""MobileNetV1 (Howard et al. 2017) as Keras builds it, at width 0.75."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from compress.data.normalisation import PIXELS_MINUS_1_TO_1
from compress.models.same_padding import pad_for_stride_2

__all__ = ["MobileNetV1", "mobilenetv1_0_75_224"]

CHANNELS = (24, 48, 96, 96, 192, 192, 384, 384, 384, 384, 384, 384, 768, 768)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
"""Of the depthwise convolutions in ``features.1`` to ``features.13``."""
KERAS_EPS = 1e-3


class MobileNetV1(nn.Module):
    """Input: ``(batch, 3, 224, 224)`` in -1..1. Output: ``(batch, classes)``."""

    input_shape = (3, 224, 224)
    normalisation = PIXELS_MINUS_1_TO_1

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_unit(3, CHANNELS[0], 3, stride=2)]
        for in_channels, channels, stride in zip(CHANNELS, CHANNELS[1:], STRIDES, strict=False):
            depthwise = _unit(in_channels, in_channels, 3, stride, groups=in_channels)
            blocks.append(nn.Sequential(depthwise, _unit(in_channels, channels, 1)))
        self.features = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(CHANNELS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, classes)``."""
        return cast(Tensor, self.fc(torch.flatten(self.pool(self.features(x)), 1)))


def _unit(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    unit = nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels, eps=KERAS_EPS),
        nn.ReLU6(),
    )
    return unit if stride == 1 else pad_for_stride_2(unit)


def mobilenetv1_0_75_224() -> MobileNetV1:
    """MobileNetV1 of width 0.75 with TensorFlow's padding, 2,585,560 parameters."""
    return MobileNetV1()
