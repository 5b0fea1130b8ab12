"""A small CNN for scikit-learn's 8×8 digits: trained in seconds, with the layer kinds that matter to a machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from compress.data.normalisation import PIXELS_0_TO_1

__all__ = ["DigitsCnn", "digits_cnn", "digits_data", "train_digits"]


class DigitsCnn(nn.Module):
    """Convolution, a residual block with a depthwise convolution, a strided convolution, pooling, linear.

    Input: ``(batch, 1, 8, 8)`` in 0..1. Output: ``(batch, 10)``.
    """

    input_shape = (1, 8, 8)
    normalisation = PIXELS_0_TO_1

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=False)
        self.bn4 = nn.BatchNorm2d(2 * channels)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.linear = nn.Linear(8 * channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, 10)``."""
        x = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.depthwise(x)))
        x = functional.relu(x + self.bn3(self.pointwise(y)))
        x = functional.relu(self.bn4(self.conv2(x)))
        return cast(Tensor, self.linear(torch.flatten(self.pool(x), 1)))


def digits_cnn() -> DigitsCnn:
    """The network without training."""
    return DigitsCnn()


def digits_data(seed: int = 0) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """scikit-learn's digits, shuffled, as ``(images, labels)`` for training (1,437) and for testing (360).

    Images are float32 ``(n, 1, 8, 8)`` in 0..1.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    order: NDArray[np.int64] = np.random.default_rng(seed).permutation(len(digits.target))
    images = torch.from_numpy(digits.images[order].astype(np.float32) / 16).unsqueeze(1)
    labels = torch.from_numpy(digits.target[order].astype(np.int64))
    split = len(labels) // 5 * 4 + 1
    return (images[:split], labels[:split]), (images[split:], labels[split:])


def train_digits(seed: int = 0, epochs: int = 12) -> tuple[DigitsCnn, float]:
    """Train the network on the embedded digits; the same seed gives the same network.

    Returns:
        The network in evaluation mode and its accuracy on the test images, 0..1.
    """
    (images, labels), (test_images, test_labels) = digits_data(seed)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(seed)
        model = DigitsCnn()
        _train(model, images, labels, epochs)
    model.eval()
    with torch.no_grad():
        accuracy = (model(test_images).argmax(1) == test_labels).float().mean().item()
    return model, accuracy


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One thread: the network is too small to share out, sums keep their order, and a busy machine does no harm."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int, batch: int = 64) -> None:
    steps = epochs * -(-len(labels) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(labels)), batch):
            loss = functional.cross_entropy(model(images[chosen]), labels[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
