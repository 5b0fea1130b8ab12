"""A folder of images per class: ``imagefolder:ROOT`` with ``ROOT/CLASS/*.jpg``, or ``ROOT/train`` beside ``ROOT/val``.

Classes are numbered in the order of their folders' names, as torchvision does. Where there is no ``train``, all images
are test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from accel_sim.errors import DataError
from compress.data.images import Part
from compress.data.photographs import SUFFIXES, read_photograph, scale_and_crop

__all__ = ["FolderData", "FolderImages", "open_folder"]


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
        files = (self.files[index] for index in indices)
        return torch.stack([read_photograph(file, str(file), shape, scale_and_crop) for file in files]).float() / 255


@dataclass(frozen=True)
class FolderData:
    """Files by class; a class has the same number in both parts."""

    class_names: tuple[str, ...]
    training_files: tuple[Path, ...]
    test_files: tuple[Path, ...]

    @property
    def classes(self) -> int:
        """How many folders there are."""
        return len(self.class_names)

    def training(self) -> Part | None:
        """What lies below ``train``."""
        return self._part(self.training_files) if self.training_files else None

    def test(self) -> Part:
        """What lies below ``val``, or everything."""
        return self._part(self.test_files)

    def _part(self, files: tuple[Path, ...]) -> Part:
        number = {name: index for index, name in enumerate(self.class_names)}
        return Part(FolderImages(files), np.array([number[file.parent.name] for file in files], dtype=np.int64))


def open_folder(rest: str) -> FolderData:
    """Find the images below the folder ``rest``."""
    root = Path(rest)
    if not rest or not root.is_dir():
        raise DataError(f"data imagefolder:{rest}: is no folder; allowed: imagefolder:ROOT with ROOT/CLASS/IMAGE.jpg")
    apart = (root / "train").is_dir() and (root / "val").is_dir()
    training, test = (_files(root / "train"), _files(root / "val")) if apart else ((), _files(root))
    if not test:
        raise DataError(f"data imagefolder:{rest}: holds no image; allowed: ROOT/CLASS/IMAGE with {_list_suffixes()}")
    names = sorted({file.parent.name for file in (*training, *test)})
    return FolderData(tuple(names), training, test)


def _files(root: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in root.glob("*/*") if path.suffix.lower() in SUFFIXES))


def _list_suffixes() -> str:
    return " ".join(sorted(SUFFIXES))
