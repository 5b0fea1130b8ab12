"""A SqueezeNet for CIFAR-10 with batch normalisation behind every convolution of its fire modules.

Module names and arithmetic are those of a network whose trained weights are public (``Marcovaldong/LightModels``).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from compress.data.normalisation import CIFAR10

__all__ = ["SqueezeNetBn", "cifar10_squeezenet_bn"]


class _Fire(nn.Module):
    """1×1 squeeze, then a 1×1 and a 3×3 expansion of the squeezed map, joined."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, squeezed, 1)
        self.bn1 = nn.BatchNorm2d(squeezed)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(squeezed, expanded, 1)
        self.bn2 = nn.BatchNorm2d(expanded)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(expanded)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        return torch.cat([self.relu2(self.bn2(self.conv2(x))), self.relu3(self.bn3(self.conv3(x)))], 1)


class SqueezeNetBn(nn.Module):
    """Input: ``(batch, 3, 32, 32)``. Output: ``(batch, classes)``, none below zero (a ReLU is last)."""

    input_shape = (3, 32, 32)
    normalisation = CIFAR10

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(96)
        self.relu = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.fire2 = _Fire(96, 16, 64)
        self.fire3 = _Fire(128, 16, 64)
        self.fire4 = _Fire(128, 32, 128)
        self.pool4 = nn.MaxPool2d(2)
        self.fire5 = _Fire(256, 32, 128)
        self.fire6 = _Fire(256, 32, 192)
        self.fire7 = _Fire(384, 48, 192)
        self.fire8 = _Fire(384, 64, 256)
        self.pool8 = nn.MaxPool2d(2)
        self.fire9 = _Fire(512, 64, 256)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AvgPool2d(2, stride=1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, classes)``."""
        x = self.pool1(self.relu(self.bn1(self.conv1(x))))
        x = self.pool4(self.fire4(self.fire3(self.fire2(x))))
        x = self.pool8(self.fire8(self.fire7(self.fire6(self.fire5(x)))))
        return torch.flatten(cast(Tensor, self.classifier(self.fire9(x))), 1)


def cifar10_squeezenet_bn() -> SqueezeNetBn:
    """SqueezeNet with batch normalisation for CIFAR-10, 700,122 parameters."""
    return SqueezeNetBn()
