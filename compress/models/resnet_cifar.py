"""ResNets for 32×32 images: ResNet-20/32/56 (He et al. 2016, shortcut option A) and MLPerf Tiny's ResNet-8.

Module names and arithmetic are those of networks whose trained weights are public:
``akamaster/pytorch_resnet_cifar10`` (He's networks) and ``mlcommons/tiny`` (ResNet-8, converted from Keras).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.data.normalisation import IMAGENET, PIXELS_0_TO_255

__all__ = ["ResNet8", "ResNetCifar", "resnet8", "resnet20", "resnet32", "resnet56"]

CIFAR_SHAPE = (3, 32, 32)


class _ShortcutA(nn.Module):
    """Option A: every second pixel, then zero channels, half of them before and half behind; no parameters."""

    def __init__(self, added_channels: int) -> None:
        super().__init__()
        self.before = added_channels // 2
        self.behind = added_channels - self.before

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.behind))


class _BasicBlock(nn.Module):
    """Two 3×3 convolutions and the shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity() if stride == 1 else _ShortcutA(channels - in_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return functional.relu(out + self.shortcut(x))


class ResNetCifar(nn.Module):
    """He's CIFAR network with ``6·blocks + 2`` layers.

    Input: ``(batch, 3, 32, 32)``, pixels / 255 normalised by the ImageNet mean and standard deviation for the public
    weights. Output: ``(batch, classes)``.
    """

    input_shape = CIFAR_SHAPE
    normalisation = IMAGENET

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, classes)``."""
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return cast(Tensor, self.linear(torch.flatten(functional.adaptive_avg_pool2d(out, 1), 1)))


def _stage(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    first = _BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(_BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))


class ResNet8(nn.Module):
    """MLPerf Tiny's image classifier; pixels 0..255 as they are, TensorFlow's "SAME" padding."""

    input_shape = CIFAR_SHAPE
    normalisation = PIXELS_0_TO_255

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.stem_bn = nn.BatchNorm2d(16, eps=1e-3)
        for stack, (in_channels, channels, stride) in enumerate(((16, 16, 1), (16, 32, 2), (32, 64, 2)), start=1):
            # "SAME" for a 3×3 kernel with stride 2 on an even size pads on the right and below only
            padding = 1 if stride == 1 else 0
            if stride != 1:
                self.add_module(f"s{stack}_pad", nn.ZeroPad2d((0, 1, 0, 1)))
            self.add_module(f"s{stack}_conv1", nn.Conv2d(in_channels, channels, 3, stride, padding))
            self.add_module(f"s{stack}_bn1", nn.BatchNorm2d(channels, eps=1e-3))
            self.add_module(f"s{stack}_conv2", nn.Conv2d(channels, channels, 3, padding=1))
            self.add_module(f"s{stack}_bn2", nn.BatchNorm2d(channels, eps=1e-3))
            if stride != 1:
                self.add_module(f"s{stack}_short", nn.Conv2d(in_channels, channels, 1, stride))
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, classes)``."""
        out = functional.relu(self.stem_bn(self.stem(x)))
        for stack in (1, 2, 3):
            out = self._stack(out, f"s{stack}")
        return cast(Tensor, self.fc(torch.flatten(functional.adaptive_avg_pool2d(out, 1), 1)))

    def _stack(self, x: Tensor, name: str) -> Tensor:
        strided = name != "s1"
        padded = self._modules_of(name, "pad")(x) if strided else x
        out = functional.relu(self._modules_of(name, "bn1")(self._modules_of(name, "conv1")(padded)))
        out = self._modules_of(name, "bn2")(self._modules_of(name, "conv2")(out))
        return functional.relu(out + (self._modules_of(name, "short")(x) if strided else x))

    def _modules_of(self, stack: str, role: str) -> nn.Module:
        return self.get_submodule(f"{stack}_{role}")


def resnet8(classes: int = 10) -> ResNet8:
    """MLPerf Tiny's ResNet-8, 78,186 parameters with 10 classes."""
    return ResNet8(classes)


def resnet20(classes: int = 10) -> ResNetCifar:
    """ResNet-20, 269,722 parameters with 10 classes."""
    return ResNetCifar(3, classes)


def resnet32(classes: int = 10) -> ResNetCifar:
    """ResNet-32, 464,154 parameters with 10 classes."""
    return ResNetCifar(5, classes)


def resnet56(classes: int = 10) -> ResNetCifar:
    """ResNet-56, 853,018 parameters with 10 classes."""
    return ResNetCifar(9, classes)
