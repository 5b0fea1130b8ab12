"""Small networks that the tests look into."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Batch norms, ReLU in place, a sum in place, a depthwise and a linear layer: 10 classes from 3×9×9."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.branch = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.bn2 = nn.BatchNorm2d(6)
        self.hidden = nn.Linear(6, 8)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.stem(x)))
        out = self.bn2(self.branch(x))
        out.add_(x)
        x = functional.relu(out)
        logits: Tensor = self.head(self.relu(self.hidden(x.mean((2, 3)))))
        return logits


def residual() -> Residual:
    """With batch norms that do something."""
    torch.manual_seed(0)
    model = Residual().eval()
    with torch.no_grad():
        for norm in (model.bn1, model.bn2):
            norm.weight.uniform_(-1, 2)
            norm.bias.normal_(0, 0.3)
            norm.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.3, 2)  # type: ignore[union-attr]
    return model


def images(count: int) -> Tensor:
    """``(count, 3, 9, 9)``."""
    return torch.randn(count, 3, 9, 9, generator=torch.Generator().manual_seed(1))
