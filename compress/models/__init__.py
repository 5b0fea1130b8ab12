"""Networks whose trained weights are public, as those weights want them, and a CNN for the embedded digits.

Each is a callable without needed arguments; what it returns has the attributes ``input_shape`` and ``normalisation``.
Parameters have the names of the public weight files; padding that is not the same on all sides is a module of its own.
"""

from compress.models.digits_cnn import DigitsCnn, digits_cnn
from compress.models.mobilenet_v1 import MobileNetV1, mobilenetv1_0_75_224
from compress.models.resnet_cifar import ResNet8, ResNetCifar, resnet8, resnet20, resnet32, resnet56
from compress.models.resnet_s64 import ResNet20S64, cifar100_resnet20_s64
from compress.models.squeezenet_bn import SqueezeNetBn, cifar10_squeezenet_bn
from compress.models.torchvision_variants import (
    cifar10_mobilenetv2,
    cifar100_densenet_bc_100_12,
    mobilenetv2_1_0_224,
    squeezenet1_0_deepcompressed,
    squeezenet1_1,
)

__all__ = [
    "DigitsCnn",
    "MobileNetV1",
    "ResNet8",
    "ResNet20S64",
    "ResNetCifar",
    "SqueezeNetBn",
    "cifar10_mobilenetv2",
    "cifar10_squeezenet_bn",
    "cifar100_densenet_bc_100_12",
    "cifar100_resnet20_s64",
    "digits_cnn",
    "mobilenetv1_0_75_224",
    "mobilenetv2_1_0_224",
    "resnet8",
    "resnet20",
    "resnet32",
    "resnet56",
    "squeezenet1_0_deepcompressed",
    "squeezenet1_1",
]
