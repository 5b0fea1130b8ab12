"""How a model wants its pixels: ``(pixel - mean) / deviation`` per channel, pixels in 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from accel_sim.errors import DataError

__all__ = [
    "CAFFE",
    "CIFAR10",
    "CIFAR100",
    "IMAGENET",
    "PIXELS_0_TO_1",
    "PIXELS_0_TO_255",
    "PIXELS_MINUS_1_TO_1",
    "Normalisation",
    "normalisation_of",
]


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation per channel, of pixels in 0..1; one value stands for every channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def apply(self, pixels: Tensor) -> Tensor:
        """``(images, channels, height, width)`` in 0..1 -> what the model reads.

        Raises:
            DataError: another number of channels.
        """
        channels = pixels.shape[1]
        if {len(self.mean), len(self.deviation)} - {1, channels}:
            raise DataError(f"normalisation: is for {len(self.mean)} channels; the images have {channels}")
        mean, deviation = torch.tensor(self.mean), torch.tensor(self.deviation)
        return (pixels - mean[:, None, None]) / deviation[:, None, None]


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PIXELS_0_TO_1 = Normalisation((0.0,), (1.0,))
PIXELS_0_TO_255 = Normalisation((0.0,), (1 / 255,))
PIXELS_MINUS_1_TO_1 = Normalisation((0.5,), (0.5,))
CIFAR10 = Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
CIFAR100 = Normalisation((0.507, 0.487, 0.441), (0.267, 0.256, 0.276))
CAFFE = Normalisation((123 / 255, 117 / 255, 104 / 255), (1 / 255,))
"""Pixels 0..255 minus rounded means, as the networks of Caffe's model zoo take them."""


def normalisation_of(model: nn.Module, channels: int) -> Normalisation:
    """The model's attribute ``normalisation``; where it has none, ImageNet's for three channels, else pixels in 0..1.

    >>> normalisation_of(nn.Identity(), 1)
    Normalisation(mean=(0.0,), deviation=(1.0,))
    """
    own = getattr(model, "normalisation", None)
    if isinstance(own, Normalisation):
        return own
    return IMAGENET if channels == 3 else PIXELS_0_TO_1
