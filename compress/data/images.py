"""What a data set gives: so many images, and their pixels at some size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

__all__ = ["Images"]


class Images(Protocol):
    """Images to calibrate on; none of them is one that accuracy is reported on."""

    @property
    def size(self) -> int:
        """How many images there are."""
        ...

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
        """Chosen images as float32 ``(len(indices), channels, height, width)`` in 0..1.

        Args:
            indices: 0 to ``size - 1``.
            shape: ``(channels, height, width)`` that the model takes; images of a fixed size ignore it.
        """
        ...
