"""CIFAR-10 and CIFAR-100 from the official Python pickles: ``cifar10:ROOT``, ``cifar100:ROOT``.

ROOT holds the folder of the official archive, or is it. Of the files, only those that are there are used: a part of the
training images will do. A file is read only if it is byte for byte the official one, and nothing but arrays and plain
containers are taken out of it.

``cifar10:torchvision`` and ``cifar100:torchvision`` fetch the data set on first use (:mod:`compress.data.cifar_fetch`).

Where CIFAR-100's training file, 150 MB, is missing, a sample of it serves: ``cifar100_train_subset_2000.npz`` in or
beside that folder, with the arrays ``images`` (uint8, ``(n, 32, 32, 3)``) and ``fine_labels`` (integers, ``(n,)``).
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accel_sim.errors import DataError
from compress.data.cifar_fetch import KEYWORD, fetched_cifar
from compress.data.images import Part

__all__ = ["Cifar", "CifarImages", "open_cifar10", "open_cifar100"]

TRAIN_10 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}
TEST_10 = {"test_batch": "40351d587109b95175f43aff81a1287e"}
TRAIN_100 = {"train": "16019d7e3df5f24257cddd939b257f8d"}
TEST_100 = {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}
"""MD5 of every file, as published and as torchvision checks them."""

SUBSET_100 = "cifar100_train_subset_2000.npz"
IMAGE_SHAPE = (3, 32, 32)
RECONSTRUCT = np.zeros(0).__reduce__()[0]
"""What an array's pickle calls, wherever this NumPy keeps it (the pickles name its old place)."""


@dataclass(frozen=True)
class CifarImages:
    """Images ``(size, 3, 32, 32)`` as uint8."""

    data: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.data)

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:  # noqa: ARG002
        """``(len(indices), 3, 32, 32)`` in 0..1."""
        return torch.from_numpy(self.data[list(indices)]).float() / 255


@dataclass(frozen=True)
class Cifar:
    """The files of one of the two data sets that are there, with their MD5 sums."""

    spec: str
    classes: int
    label_key: bytes
    train_files: Mapping[Path, str]
    test_files: Mapping[Path, str]
    subset: Path | None

    def training(self) -> Part | None:
        """All training images that are there."""
        if self.train_files:
            return self._joined(self.train_files)
        return None if self.subset is None else _read_subset(self.subset, self.classes)

    def test(self) -> Part:
        """All 10,000 test images."""
        if not self.test_files:
            raise DataError(
                f"data {self.spec}: holds no test images, which this needs; allowed: the official test file"
            )
        return self._joined(self.test_files)

    def _joined(self, files: Mapping[Path, str]) -> Part:
        parts = [_read_batch(path, md5, self.label_key) for path, md5 in files.items()]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return Part(CifarImages(images), labels)


def open_cifar10(rest: str) -> Cifar:
    """CIFAR-10 below the folder ``rest``."""
    return _open("cifar10", rest, "cifar-10-batches-py", TRAIN_10, TEST_10)


def open_cifar100(rest: str) -> Cifar:
    """CIFAR-100 below the folder ``rest``."""
    return _open("cifar100", rest, "cifar-100-python", TRAIN_100, TEST_100)


def _open(name: str, root: str, folder: str, train: Mapping[str, str], test: Mapping[str, str]) -> Cifar:
    if not root:
        raise DataError(f"data {name}: allowed: {name}:ROOT with the folder that holds {folder}")
    if root == KEYWORD:
        root = str(fetched_cifar(name, folder))
    home = Path(root) / folder if (Path(root) / folder).is_dir() else Path(root)
    train_files, test_files = (
        {home / file: md5 for file, md5 in files.items() if (home / file).is_file()} for files in (train, test)
    )
    if not train_files and not test_files:
        wanted = ", ".join((*train, *test))
        raise DataError(f"data {name}:{root}: holds no file of {folder}; allowed: a folder with any of {wanted}")
    ten = name == "cifar10"
    subsets = [] if ten else [path for path in (home / SUBSET_100, home.parent / SUBSET_100) if path.is_file()]
    return Cifar(
        spec=f"{name}:{root}",
        classes=10 if ten else 100,
        label_key=b"labels" if ten else b"fine_labels",
        train_files=train_files,
        test_files=test_files,
        subset=subsets[0] if subsets else None,
    )


def _read_batch(path: Path, md5: str, label_key: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images ``(n, 3, 32, 32)`` and labels of one file, once it is known to be the official one."""
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"{path}: is not the official file (MD5 {found}; allowed: {md5}): damaged or changed")
    batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    images: NDArray[np.uint8] = batch[b"data"].reshape(-1, *IMAGE_SHAPE)
    return images, np.asarray(batch[label_key], dtype=np.int64)


class _ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain containers; whatever else a pickle asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module.endswith("core.multiarray"):
            return RECONSTRUCT
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _read_subset(path: Path, classes: int) -> Part:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["fine_labels"]
    except KeyError as error:
        raise DataError(f"{path}: lacks an array; allowed: images and fine_labels") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as arrays ({type(error).__name__}): damaged or not an npz") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (32, 32, 3):
        raise DataError(f"{path}: images are {images.dtype} {images.shape}; allowed: uint8 (n, 32, 32, 3)")
    whole = np.issubdtype(labels.dtype, np.integer) and labels.shape == images.shape[:1]
    if not whole or labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
        raise DataError(f"{path}: fine_labels do not fit; allowed: one integer of 0 to {classes - 1} per image")
    return Part(CifarImages(np.ascontiguousarray(images.transpose(0, 3, 1, 2))), labels.astype(np.int64))
