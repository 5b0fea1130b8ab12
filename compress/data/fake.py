"""Seeded noise in place of images: ``fake:CLASSESxCxHxW``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from accel_sim.errors import DataError
from compress.data.images import Part

__all__ = ["FakeData", "FakeImages", "open_fake"]

SIZE = 1 << 20


@dataclass(frozen=True)
class FakeImages:
    """Pixels drawn uniformly from 0, 1/255, … 1; image i is the same whichever others are read.

    Attributes:
        shape: ``(channels, height, width)``.
        first_seed: of image 0; the next image has the next seed.
    """

    shape: tuple[int, int, int]
    first_seed: int

    @property
    def size(self) -> int:
        """How many there are."""
        return SIZE

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """``(len(indices), channels, height, width)`` in 0..1."""
        return torch.stack([self._image(index) for index in indices])

    def _image(self, index: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.first_seed + index)
        return torch.randint(0, 256, self.shape, generator=generator) / 255


@dataclass(frozen=True)
class FakeData:
    """2²⁰ images for training and as many for testing; classes follow one another, each twice: 0, 0, 1, 1, 2, …"""

    classes: int
    shape: tuple[int, int, int]

    def training(self) -> Part:
        """Images with the seeds from 0."""
        return self._part(0)

    def test(self) -> Part:
        """Images with the seeds from 2²⁰."""
        return self._part(SIZE)

    def _part(self, first_seed: int) -> Part:
        # twice, so that both the even and the odd images have all classes
        return Part(FakeImages(self.shape, first_seed), np.arange(SIZE) // 2 % self.classes)


def open_fake(rest: str) -> FakeData:
    """``CLASSESxCxHxW``, such as ``10x3x32x32``."""
    if not re.fullmatch(r"0*[1-9]\d{0,5}(x0*[1-9]\d{0,5}){3}", rest):
        raise DataError(
            f"data fake:{rest}: allowed: fake:CLASSESxCxHxW with four integers from 1, e.g. fake:10x3x32x32"
        )
    classes, channels, height, width = map(int, rest.split("x"))
    return FakeData(classes, (channels, height, width))
