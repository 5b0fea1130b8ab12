"""The public networks, their weights, images and published accuracy (``README.md`` of the shared data)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from compress import models
from compress.data import LabelledImages, open_labelled
from compress.model_sources import load_state_dict

__all__ = ["NETWORKS", "Network"]


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        name: also the stem of its weight file.
        build: makes it.
        weights: below the shared folder's ``data/weights``.
        images: data set and its folder below ``data``.
        published_top1_percent: on all test images.
        calibration: images that ranges and statistics are taken from.
    """

    name: str
    build: Callable[[], nn.Module]
    weights: str
    images: tuple[str, str]
    published_top1_percent: float
    calibration: int = 512

    def load(self, shared: Path) -> nn.Module:
        """The trained network in evaluation mode."""
        model = self.build()
        load_state_dict(shared / "data" / "weights" / self.weights, model, self.name)
        return model.eval()

    def open(self, shared: Path, split: str) -> LabelledImages:
        """Its images of one split."""
        kind, folder = self.images
        return open_labelled(f"{kind}:{shared / 'data' / folder}", split)


_CIFAR_10, _CIFAR_100, _IMAGENET = ("cifar10", "cifar"), ("cifar100", "cifar"), ("imagenet-compat", "imagenet-compat")
_OTHERS = "no-licence-stated"

NETWORKS = {
    network.name: network
    for network in (
        Network("resnet20", models.resnet20, "cifar10/resnet20.pth", _CIFAR_10, 91.73),
        Network("resnet8", models.resnet8, "cifar10/resnet8.pth", _CIFAR_10, 87.19),
        Network(
            "mobilenetv2_1.0_224",
            models.mobilenetv2_1_0_224,
            "imagenet/mobilenetv2_1.0_224.pth",
            _IMAGENET,
            81.34,
            calibration=64,
        ),
        Network("resnet32", models.resnet32, "cifar10/resnet32.pth", _CIFAR_10, 92.63),
        Network("resnet56", models.resnet56, "cifar10/resnet56.pth", _CIFAR_10, 93.39),
        Network(
            "cifar10_squeezenet_bn",
            models.cifar10_squeezenet_bn,
            f"{_OTHERS}/cifar10_squeezenet_bn.pth",
            _CIFAR_10,
            77.54,
        ),
        Network(
            "cifar100_resnet20_s64",
            models.cifar100_resnet20_s64,
            f"{_OTHERS}/cifar100_resnet20_s64.pth",
            _CIFAR_100,
            69.69,
        ),
        Network(
            "cifar100_densenet_bc_100_12",
            models.cifar100_densenet_bc_100_12,
            f"{_OTHERS}/cifar100_densenet_bc_100_12.pth",
            _CIFAR_100,
            76.38,
            calibration=128,
        ),
        Network(
            "mobilenetv1_0.75_224",
            models.mobilenetv1_0_75_224,
            "imagenet/mobilenetv1_0.75_224.pth",
            _IMAGENET,
            76.73,
            calibration=64,
        ),
        Network("squeezenet1_1", models.squeezenet1_1, "imagenet/squeezenet1_1.pth", _IMAGENET, 60.26, calibration=64),
        Network(
            "squeezenet1_0_deepcompressed",
            models.squeezenet1_0_deepcompressed,
            "imagenet/squeezenet1_0_deepcompressed.pth",
            _IMAGENET,
            54.88,
            calibration=64,
        ),
        Network(
            "cifar10_mobilenetv2_sparse8bit",
            models.cifar10_mobilenetv2,
            f"{_OTHERS}/cifar10_mobilenetv2_sparse8bit.pth",
            _CIFAR_10,
            94.47,
            calibration=128,
        ),
    )
}
"""In the order in which they are measured."""
