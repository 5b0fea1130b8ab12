"""Folding against PyTorch's own."""

from __future__ import annotations

import copy

import torch
import torchvision
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from compress.quantization import fold_batch_norms
from tests.unit.quantization.networks import graph_of, small_images, small_net


def test_folded_weights_are_torchs() -> None:
    model = small_net()
    folded = fold_batch_norms(model, graph_of(model))
    for layer, norm in (("stem", "stem_bn"), ("conv1", "bn1"), ("conv2", "bn2")):
        fused = fuse_conv_bn_eval(copy.deepcopy(model.get_submodule(layer)), model.get_submodule(norm))  # type: ignore[type-var]
        own = folded.get_submodule(layer)
        torch.testing.assert_close(own.weight, fused.weight)
        torch.testing.assert_close(own.bias, fused.bias)
        assert isinstance(folded.get_submodule(norm), nn.Identity)
    assert isinstance(folded.get_submodule("before"), nn.BatchNorm2d)  # in front of a convolution, behind a sum
    assert isinstance(model.stem_bn, nn.BatchNorm2d)
    images = small_images()
    with torch.no_grad():
        torch.testing.assert_close(folded(images), model(images), atol=1e-5, rtol=1e-5)


def test_densenet_keeps_the_norms_that_stand_before_convolutions() -> None:
    torch.manual_seed(0)
    model = torchvision.models.DenseNet(8, (2, 2), 16, num_classes=5).eval()
    folded = fold_batch_norms(model, graph_of(model, (3, 32, 32)))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(folded(images), model(images), atol=1e-5, rtol=1e-5)
    norms = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert "features.denseblock1.denselayer1.norm1" in norms
    assert "features.denseblock1.denselayer1.norm2" not in norms


def test_a_layer_that_something_else_reads_is_left_alone() -> None:
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return y + self.norm(y)  # type: ignore[no-any-return]

    model = Forked().eval()
    assert isinstance(fold_batch_norms(model, graph_of(model)).get_submodule("norm"), nn.BatchNorm2d)
