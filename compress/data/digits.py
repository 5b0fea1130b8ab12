"""scikit-learn's handwritten digits, 8×8: ``digits``."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from accel_sim.errors import DataError

__all__ = ["Digits", "open_digits"]


class Digits:
    """The images that :func:`compress.models.digits_cnn.train_digits` trains on; its test images stay unseen."""

    def __init__(self, images: Tensor) -> None:
        self._images = images
        self.size = len(images)

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """``(len(indices), 1, 8, 8)`` in 0..1."""
        return self._images[list(indices)]


def open_digits(rest: str) -> Digits:
    """Read the embedded data.

    Args:
        rest: what follows the name in the specification; nothing is allowed.
    """
    if rest:
        raise DataError(f"data digits:{rest}: allowed: digits, without a folder")
    from compress.models.digits_cnn import digits_data

    try:
        (images, _), _ = digits_data()
    except ImportError as error:
        raise DataError("data digits: scikit-learn is needed; pip install 'bitgrove[demo]'") from error
    return Digits(images)
