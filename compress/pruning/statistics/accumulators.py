"""Sums over calibration images, from which the statistics of one layer's output are taken. All sums are float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["RANK_IMAGES", "OutputActivity", "OutputRanks", "TaylorSums"]

RANK_IMAGES = 64
"""Ranks are taken on the first so many calibration images: each needs a singular value decomposition, and a filter's
mean rank hardly depends on the images (Lin et al., 2020, figure 2)."""


@dataclass
class OutputActivity:
    """Mean, mean magnitude and share of zeros of each channel."""

    values: int = 0
    total: Tensor | float = 0.0
    magnitude: Tensor | float = 0.0
    zeros: Tensor | float = 0.0

    def add(self, output: Tensor) -> None:
        """Add ``(images, channels, height, width)``."""
        self.values += output.numel() // output.shape[1]
        self.total = self.total + output.sum((0, 2, 3), dtype=torch.float64)
        self.magnitude = self.magnitude + output.abs().sum((0, 2, 3), dtype=torch.float64)
        self.zeros = self.zeros + (output == 0).sum((0, 2, 3)).double()

    def fields(self) -> dict[str, Any]:
        """Fields of ``LayerStatistics``."""
        return {
            "output_means": self.total / self.values,
            "output_magnitudes": self.magnitude / self.values,
            "output_zeros": self.zeros / self.values,
        }


@dataclass
class OutputRanks:
    """Mean rank of each channel's feature maps over the first :data:`RANK_IMAGES` images."""

    images: int = 0
    total: Tensor | float = 0.0

    def add(self, output: Tensor) -> None:
        """Add ``(images, channels, height, width)``."""
        output = output[: RANK_IMAGES - self.images]
        if len(output):
            self.total = self.total + torch.linalg.matrix_rank(output).sum(0).double()
            self.images += len(output)

    def fields(self) -> dict[str, Any]:
        """Fields of ``LayerStatistics``."""
        return {"output_ranks": self.total / self.images}


@dataclass
class TaylorSums:
    """Per image, the square of the first-order change of its loss when a channel is set to zero."""

    images: int = 0
    total: Tensor | float = 0.0

    def add(self, gradient_times_output: Tensor) -> None:
        """Add ``(images, channels, height, width)``."""
        changes = gradient_times_output.sum((2, 3), dtype=torch.float64)
        self.total = self.total + changes.square().sum(0)
        self.images += len(changes)

    def fields(self) -> dict[str, Any]:
        """Fields of ``LayerStatistics``."""
        return {"taylor": self.total / self.images}
