"""torchvision's networks with the changes that public trained weights need; the names of all parameters stay.

torchvision is imported when a network is built: it takes a second, and the other networks do without it.
"""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from compress.data.normalisation import CAFFE, CIFAR100, IMAGENET, PIXELS_MINUS_1_TO_1, Normalisation
from compress.models.same_padding import pad_for_stride_2

__all__ = [
    "cifar10_mobilenetv2",
    "cifar100_densenet_bc_100_12",
    "mobilenetv2_1_0_224",
    "squeezenet1_0_deepcompressed",
    "squeezenet1_1",
]

CIFAR_STAGES = [
    [1, 16, 1, 1],
    [6, 24, 2, 1],
    [6, 32, 3, 1],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]
"""Expansion, channels, blocks, stride of MobileNetV2's stages; two of the strides are 1 for 32×32 images."""
CIFAR_NORMALISATION = Normalisation((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261))
"""As that network was trained; CIFAR-10's deviations, rounded down."""


def mobilenetv2_1_0_224() -> nn.Module:
    """MobileNetV2 (Sandler et al. 2018) with TensorFlow's padding, 3,504,872 parameters; pixels in -1..1."""
    from torchvision.models import mobilenet_v2

    model = mobilenet_v2(weights=None)
    for path, unit in list(model.named_modules()):
        if isinstance(unit, nn.Sequential) and isinstance(unit[0], nn.Conv2d) and unit[0].stride == (2, 2):
            model.set_submodule(path, pad_for_stride_2(unit))
    return _described(model, (3, 224, 224), PIXELS_MINUS_1_TO_1)


def cifar10_mobilenetv2() -> nn.Module:
    """MobileNetV2 for 32×32 images: stride 1 in the stem and in two more places, 2,236,682 parameters."""
    from torchvision.models import MobileNetV2

    model = MobileNetV2(num_classes=10, inverted_residual_setting=CIFAR_STAGES)
    model.features[0][0].stride = (1, 1)
    return _described(model, (3, 32, 32), CIFAR_NORMALISATION)


def cifar100_densenet_bc_100_12() -> nn.Module:
    """DenseNet-BC (Huang et al. 2017) of depth 100 and growth 12 for CIFAR-100, 800,032 parameters."""
    from torchvision.models import DenseNet

    model = DenseNet(growth_rate=12, block_config=(16, 16, 16), num_init_features=24, num_classes=100)
    model.features.conv0 = nn.Conv2d(3, 24, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):  # of the stem for 224×224 images
        delattr(model.features, name)
    return _described(model, (3, 32, 32), CIFAR100)


def squeezenet1_1() -> nn.Module:
    """SqueezeNet 1.1 (Iandola et al. 2016), 1,235,496 parameters."""
    from torchvision import models

    return _described(models.squeezenet1_1(weights=None), (3, 224, 224), IMAGENET)


def squeezenet1_0_deepcompressed() -> nn.Module:
    """SqueezeNet 1.0 as "Deep Compression" (Han et al. 2016) runs it: padding in the last convolution, Caffe's pixels.

    1,248,424 parameters; the input is 227×227.
    """
    from torchvision.models import squeezenet1_0

    model = squeezenet1_0(weights=None)
    model.classifier[1].padding = (1, 1)
    return _described(model, (3, 227, 227), CAFFE)


def _described(model: Any, input_shape: tuple[int, int, int], normalisation: Normalisation) -> nn.Module:
    model.input_shape = input_shape
    model.normalisation = normalisation
    return cast(nn.Module, model)
