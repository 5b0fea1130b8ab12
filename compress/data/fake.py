"""Seeded noise in place of images: ``fake:CLASSESxCxHxW``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from accel_sim.errors import DataError

__all__ = ["FakeImages", "open_fake"]

SIZE = 1 << 20


class FakeImages:
    """Pixels drawn uniformly from 0, 1/255, … 1; image i is the same whichever others are read."""

    size = SIZE

    def __init__(self, classes: int, shape: tuple[int, int, int]) -> None:
        self.classes = classes
        self._shape = shape

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """``(len(indices), channels, height, width)`` in 0..1."""
        return torch.stack([self._image(index) for index in indices])

    def _image(self, index: int) -> Tensor:
        generator = torch.Generator().manual_seed(index)
        return torch.randint(0, 256, self._shape, generator=generator) / 255


def open_fake(rest: str) -> FakeImages:
    """``CLASSESxCxHxW``, such as ``10x3x32x32``."""
    if not re.fullmatch(r"0*[1-9]\d{0,5}(x0*[1-9]\d{0,5}){3}", rest):
        raise DataError(
            f"data fake:{rest}: allowed: fake:CLASSESxCxHxW with four integers from 1, e.g. fake:10x3x32x32"
        )
    classes, channels, height, width = map(int, rest.split("x"))
    return FakeImages(classes, (channels, height, width))
