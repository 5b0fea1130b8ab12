"""A ResNet-20 for CIFAR-100 with a 64-channel stem and projection shortcuts (option B of He et al. 2016).

Module names and arithmetic are those of a network whose trained weights are public (``karanchahal/distiller``). It
differs from He's: sums inside a stage have no ReLU, only the last one of each stage has, and pooling leaves 2×2.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from compress.data.normalisation import CIFAR100

__all__ = ["ResNet20S64", "cifar100_resnet20_s64"]

STEM_CHANNELS = 64


class _Block(nn.Module):
    """Two 3×3 convolutions; a 1×1 convolution on the shortcut where the shape changes. No ReLU after the sum."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut.append(nn.Conv2d(in_channels, channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        return cast(Tensor, self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet20S64(nn.Module):
    """Input: ``(batch, 3, 32, 32)``. Output: ``(batch, classes)``."""

    input_shape = (3, 32, 32)
    normalisation = CIFAR100

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = nn.ReLU()
        self.layer1 = _stage(STEM_CHANNELS, 16, stride=1)
        self.relu1 = nn.ReLU()
        self.layer2 = _stage(16, 32, stride=2)
        self.relu2 = nn.ReLU()
        self.layer3 = _stage(32, 64, stride=2)
        self.relu3 = nn.ReLU()
        self.pool = nn.AvgPool2d(4)
        self.linear = nn.Linear(64 * 2 * 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, classes)``."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu1(self.layer1(x))
        x = self.relu2(self.layer2(x))
        x = self.relu3(self.layer3(x))
        return cast(Tensor, self.linear(torch.flatten(self.pool(x), 1)))


def _stage(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        _Block(in_channels, channels, stride), _Block(channels, channels, 1), _Block(channels, channels, 1)
    )


def cifar100_resnet20_s64() -> ResNet20S64:
    """ResNet-20 with a 64-channel stem for CIFAR-100, 306,884 parameters."""
    return ResNet20S64()
