"""Small networks, their images and policies for the tests of quantization."""

from __future__ import annotations

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.graph.trace import layer_graph
from compress.policy.schema import LayerPolicy, Policy, Quantization

PLAIN = Quantization(bias_correction=False, rounding="nearest", reconstruction="none")


class SmallNet(nn.Module):
    """A residual block, a depthwise and a grouped convolution, folded and unfolded batch norms, two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 12, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.before = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, groups=8)
        self.grouped = nn.Conv2d(8, 12, 3, padding=1, groups=4)
        self.hidden = nn.Linear(12, 16)
        self.last = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.stem_bn(self.stem(x)))
        x = x + self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        x = functional.relu(self.depthwise(functional.relu(self.before(x))))
        x = functional.relu(self.grouped(x)).mean((2, 3))
        out: Tensor = self.last(functional.relu(self.hidden(x)))
        return out


def small_net(seed: int = 0) -> SmallNet:
    """With batch norms that have something to fold: negative and zero gains, running statistics."""
    torch.manual_seed(seed)
    model = SmallNet().eval()
    with torch.no_grad():
        for norm in (model.stem_bn, model.bn1, model.bn2, model.before):
            norm.weight.uniform_(-0.5, 2)
            norm.bias.normal_(0, 0.3)
            norm.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.3, 2)  # type: ignore[union-attr]
        model.bn1.weight[2] = 0.0
    return model


def small_images(count: int = 32, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(seed))


def graph_of(model: nn.Module, shape: tuple[int, ...] = (3, 12, 12)) -> nx.DiGraph:
    return layer_graph(model, shape)


def uniform(w_bits: int, a_bits: int, switches: Quantization = PLAIN) -> Policy:
    return Policy(defaults=LayerPolicy(w_bits=w_bits, a_bits=a_bits), quantization=switches)
