"""scikit-learn's handwritten digits, 8×8: ``digits``."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from accel_sim.errors import DataError
from compress.data.images import Part

__all__ = ["Digits", "DigitsImages", "open_digits"]


class DigitsImages:
    """Images ``(size, 1, 8, 8)`` in 0..1."""

    def __init__(self, images: Tensor) -> None:
        self._images = images
        self.size = len(images)

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """``(len(indices), 1, 8, 8)`` in 0..1."""
        return self._images[list(indices)]


class Digits:
    """Training images are those that :func:`compress.models.digits_cnn.train_digits` trains on, 1,437; 360 others."""

    classes = 10

    def __init__(self, training: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> None:
        self._training, self._test = training, test

    def training(self) -> Part:
        """The 1,437 images of the training."""
        return _part(*self._training)

    def test(self) -> Part:
        """The 360 others."""
        return _part(*self._test)


def _part(images: Tensor, labels: Tensor) -> Part:
    return Part(DigitsImages(images), labels.numpy())


def open_digits(rest: str) -> Digits:
    """Read the embedded data.

    Args:
        rest: what follows the name in the specification; nothing is allowed.
    """
    if rest:
        raise DataError(f"data digits:{rest}: allowed: digits, without a folder")
    from compress.models.digits_cnn import digits_data

    try:
        return Digits(*digits_data())
    except ImportError as error:
        raise DataError("data digits: scikit-learn is needed; pip install 'bitgrove[demo]'") from error
