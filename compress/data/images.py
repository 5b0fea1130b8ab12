"""What a data set gives: images with labels, those for training apart from those for testing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["DataSet", "Images", "Part"]


class Images(Protocol):
    """So many images, and their pixels at some size."""

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


class Part(NamedTuple):
    """Images and the class of each, int64 ``(images.size,)``."""

    images: Images
    labels: NDArray[np.int64]


class DataSet(Protocol):
    """Reads its files when a part is asked for."""

    @property
    def classes(self) -> int:
        """How many classes there are; labels are 0 to ``classes - 1``."""
        ...

    def training(self) -> Part | None:
        """The images that networks are trained on; ``None`` where there are none."""
        ...

    def test(self) -> Part:
        """The others.

        Raises:
            DataError: there are none, or they are damaged.
        """
        ...
