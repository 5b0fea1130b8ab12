"""How a network classifies images that are in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import DataError
from compress.accuracy import batch_workers, label_ranks

__all__ = ["Classification", "LabelledInputs", "classify", "log_probabilities"]


@dataclass(frozen=True, eq=False)
class LabelledInputs:
    """``inputs (images, channels, height, width)`` as the model wants them, and ``labels (images,)`` int64."""

    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if not len(self.inputs) or len(self.inputs) != len(self.labels):
            raise DataError(f"{len(self.inputs)} images with {len(self.labels)} labels; allowed: as many, at least one")

    def __len__(self) -> int:
        """How many images."""
        return len(self.labels)

    def first(self, count: int) -> LabelledInputs:
        """The first of them, or all if there are fewer."""
        return LabelledInputs(self.inputs[:count], self.labels[:count])

    def on(self, device: torch.device) -> LabelledInputs:
        """The same on a device, channels last, which convolutions on the CPU are faster with."""
        inputs = self.inputs.to(device, memory_format=torch.channels_last)
        return LabelledInputs(inputs, self.labels.to(device))


@dataclass(frozen=True)
class Classification:
    """Share of images whose class has the largest logit, 0..100, and the mean cross-entropy in nats."""

    top1_percent: float
    cross_entropy: float


def log_probabilities(model: nn.Module, images: LabelledInputs, batch: int) -> Tensor:
    """What a model makes of images, ``(images, classes)`` float64 on the CPU; in threads as :func:`classify`.

    Args:
        model: in evaluation mode, where the images are.
        batch: images at a time.
    """

    def part(start: int) -> Tensor:
        with torch.inference_mode():
            return functional.log_softmax(model(images.inputs[start : start + batch]).double(), dim=1).cpu()

    with batch_workers(images.inputs.device) as workers:
        return torch.cat(list(workers.map(part, range(0, len(images), batch))))


def classify(model: nn.Module, images: LabelledInputs, batch: int) -> Classification:
    """Run a model on images; on the CPU several batches at a time, each in a thread.

    The result does not depend on the number of threads.

    Args:
        model: in evaluation mode, where the images are.
        batch: images at a time.
    """
    starts = range(0, len(images), batch)

    def part(start: int) -> tuple[int, float]:
        inputs, labels = images.inputs[start : start + batch], images.labels[start : start + batch]
        with torch.inference_mode():
            logits = model(inputs)
            entropy = functional.cross_entropy(logits.double(), labels, reduction="sum")
            return int((label_ranks(logits, labels) < 1).sum()), float(entropy)

    with batch_workers(images.inputs.device) as workers:
        parts = list(workers.map(part, starts))
    hits, entropy = sum(hit for hit, _ in parts), sum(sum_ for _, sum_ in parts)
    return Classification(100 * hits / len(images), entropy / len(images))
