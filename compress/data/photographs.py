"""Photographs as a model wants them: read, scaled, cropped, and kept for the next time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from accel_sim.errors import DataError

__all__ = ["SUFFIXES", "Fit", "centre_crop", "read_photograph", "scale", "scale_and_crop"]

SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"])
RESIZE, CROP = 256, 224
"""The usual evaluation: the shorter side to 256 pixels, then the central 224; in proportion for other sizes."""

Fit = Callable[[Image.Image, int, int], Image.Image]
"""Makes an image ``(image, height, width)`` as large as it should be."""


def read_photograph(source: Path | IO[bytes], name: str, shape: tuple[int, int, int], fit: Fit) -> Tensor:
    """One image as uint8 ``shape``, ``(channels, height, width)``.

    Args:
        source: the file, or its content.
        name: of the file, for messages.
        fit: how it is brought to the size.

    Raises:
        DataError: no image, a damaged one, or a number of channels that no image has.
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise DataError(f"{name}: an image has 1 or 3 channels; the model takes {channels}")
    try:
        with Image.open(source) as image:
            pixels = np.asarray(fit(image.convert("L" if channels == 1 else "RGB"), height, width))
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: cannot be read as an image ({type(error).__name__})") from error
    return torch.from_numpy(pixels.reshape(height, width, channels).copy()).permute(2, 0, 1).contiguous()


def scale_and_crop(image: Image.Image, height: int, width: int) -> Image.Image:
    """The usual evaluation on ImageNet: scaled (bilinear, antialiased) and cropped to the centre."""
    factor = max(height / image.height, width / image.width) * RESIZE / CROP
    size = (max(width, round(image.width * factor)), max(height, round(image.height * factor)))
    return centre_crop(image.resize(size, Image.Resampling.BILINEAR), height, width)


def scale(image: Image.Image, height: int, width: int) -> Image.Image:
    """The whole image, scaled (bilinear, antialiased) without regard to its proportions."""
    return image.resize((width, height), Image.Resampling.BILINEAR)


def centre_crop(image: Image.Image, height: int, width: int) -> Image.Image:
    """The central pixels as they are.

    Raises:
        DataError: the image is smaller.
    """
    if image.height < height or image.width < width:
        raise DataError(f"an image of {image.width}×{image.height} pixels holds no {width}×{height}")
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
