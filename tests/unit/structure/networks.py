"""Networks to make smaller: narrow ones of every architecture for quick runs, the published ones for long runs."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchvision.models as tv
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.resnet import Bottleneck

import compress.models as own

Make = Callable[[], nn.Module]


class SqueezeExcite(nn.Module):
    """A residual block with a squeeze-excitation gate, grouped convolution, and a sigmoid that is no gate."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 16, 3, padding=1, groups=4)
        self.down = nn.Conv2d(16, 4, 1)
        self.up = nn.Conv2d(4, 16, 1)
        self.odd = nn.Conv2d(16, 6, 1)
        self.last = nn.Conv2d(6, 16, 1)
        self.head = nn.Linear(16 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(self.grouped(x))
        gate = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))
        x = x * gate
        x = x + self.last(torch.sigmoid(self.odd(x)))
        x = nn.functional.adaptive_avg_pool2d(x, 2)
        return self.head(x.view(-1, 16 * 2 * 2))


def _vit() -> nn.Module:
    return tv.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=48, num_classes=7
    )


def _swin() -> nn.Module:
    return tv.SwinTransformer(
        patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=7
    )


NARROW: dict[str, tuple[Make, int]] = {
    "resnet": (lambda: tv.ResNet(tv.resnet.BasicBlock, [1, 1, 1, 1], num_classes=7), 32),
    "resnext": (lambda: tv.ResNet(Bottleneck, [1, 1, 1, 1], num_classes=7, groups=8, width_per_group=4), 32),
    "cifar_resnet": (lambda: own.ResNetCifar(1), 32),
    "resnet8": (own.resnet8, 32),
    "digits": (own.digits_cnn, 8),
    "densenet": (lambda: tv.DenseNet(4, (2, 2), 8, num_classes=7), 32),
    "mobilenet_v2": (
        lambda: tv.MobileNetV2(7, 0.25, [[1, 16, 1, 1], [2, 16, 2, 2]]),
        32,
    ),
    "shufflenet": (lambda: tv.ShuffleNetV2([2, 2, 2], [8, 16, 32, 64, 64], num_classes=7), 32),
    "convnext": (
        lambda: tv.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=7),
        32,
    ),
    "vit": (_vit, 32),
    "swin": (_swin, 32),
    "squeeze_excite": (SqueezeExcite, 8),
}

PUBLISHED: dict[str, tuple[Make, int]] = {
    **{
        name: (lambda name=name: tv.get_model(name, weights=None), size)  # type: ignore[misc]
        for name, size in {
            **dict.fromkeys(["resnet18", "resnet50", "resnext50_32x4d", "vgg11_bn", "mobilenet_v2"], 64),
            **dict.fromkeys(["mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "densenet121"], 64),
            **dict.fromkeys(["squeezenet1_1", "convnext_tiny", "swin_t", "regnet_y_400mf"], 64),
            **dict.fromkeys(["shufflenet_v2_x1_0", "alexnet"], 96),
            "vit_b_16": 224,
        }.items()
    },
    "inception_v3": (lambda: tv.inception_v3(weights=None, init_weights=False), 96),
    "googlenet": (lambda: tv.googlenet(weights=None, init_weights=False), 64),
    **{
        name: (getattr(own, name), 32)
        for name in ("resnet20", "resnet56", "cifar100_densenet_bc_100_12", "cifar10_mobilenetv2")
        if hasattr(own, name)
    },
    **{
        name: (getattr(own, name), 96)
        for name in ("mobilenetv2_1_0_224", "mobilenetv1_0_75_224", "squeezenet1_0_deepcompressed")
        if hasattr(own, name)
    },
}


def build(make: Make, seed: int = 0) -> nn.Module:
    """The network in float64 and evaluation mode, with statistics of batch normalisation as after training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make().eval().double()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
            elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.normal_(module.bias, 0, 0.1)
            elif isinstance(module, nn.MultiheadAttention):
                nn.init.normal_(module.in_proj_bias, 0, 0.3)
        for name, parameter in model.named_parameters():
            if name.endswith("layer_scale"):
                nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def images(size: int, model: nn.Module, batch: int = 2) -> Tensor:
    """Random images that the network takes."""
    channels = next(p.shape[1] for p in model.parameters() if p.ndim == 4)
    return torch.randn(batch, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
