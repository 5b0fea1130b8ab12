"""Small networks of our own: CIFAR ResNets that take public trained weights, and a CNN for the embedded digits."""

from compress.models.digits_cnn import DigitsCnn, digits_cnn
from compress.models.resnet_cifar import ResNet8, ResNetCifar, resnet8, resnet20, resnet32, resnet56

__all__ = ["DigitsCnn", "ResNet8", "ResNetCifar", "digits_cnn", "resnet8", "resnet20", "resnet32", "resnet56"]
