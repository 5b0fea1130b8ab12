"""A folder of images per class: ``imagefolder:ROOT`` with ``ROOT/CLASS/*.jpg``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from accel_sim.errors import DataError

__all__ = ["FolderImages", "open_folder"]

SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"])
RESIZE, CROP = 256, 224
"""The usual evaluation: the shorter side to 256 pixels, then the central 224; in proportion for other sizes."""


@dataclass(frozen=True)
class FolderImages:
    """Image files, sorted by class and name."""

    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.files)

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
        """``(len(indices), *shape)`` in 0..1: scaled (bilinear, antialiased) and cropped to the centre."""
        return torch.stack([_read(self.files[index], shape) for index in indices])


def open_folder(rest: str) -> FolderImages:
    """Find the images below the folder ``rest``."""
    root = Path(rest)
    if not rest or not root.is_dir():
        raise DataError(f"data imagefolder:{rest}: is no folder; allowed: imagefolder:ROOT with ROOT/CLASS/IMAGE.jpg")
    files = sorted(path for path in root.glob("*/*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"data imagefolder:{rest}: holds no image; allowed: ROOT/CLASS/IMAGE with {_list_suffixes()}")
    return FolderImages(tuple(files))


def _list_suffixes() -> str:
    return " ".join(sorted(SUFFIXES))


def _read(path: Path, shape: tuple[int, int, int]) -> Tensor:
    channels, height, width = shape
    if channels not in (1, 3):
        raise DataError(f"{path}: an image has 1 or 3 channels; the model takes {channels}")
    try:
        with Image.open(path) as image:
            pixels = np.asarray(_fit(image.convert("L" if channels == 1 else "RGB"), height, width))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as an image ({type(error).__name__})") from error
    return torch.from_numpy(pixels.reshape(height, width, channels).copy()).permute(2, 0, 1).float() / 255


def _fit(image: Image.Image, height: int, width: int) -> Image.Image:
    factor = max(height / image.height, width / image.width) * RESIZE / CROP
    scaled = image.resize(
        (max(width, round(image.width * factor)), max(height, round(image.height * factor))),
        Image.Resampling.BILINEAR,
    )
    left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
    return scaled.crop((left, top, left + width, top + height))
