"""CIFAR-10 and CIFAR-100 from the official Python pickles: ``cifar10:ROOT``, ``cifar100:ROOT``.

ROOT holds the folder of the official archive, or is it. Of the files, only those that are there are used: the training
images if any, else the test images with an even index (those with an odd one are kept for reporting accuracy). A file
is read only if it is byte for byte the official one, and nothing but an array is taken out of it.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accel_sim.errors import DataError

__all__ = ["CifarImages", "open_cifar10", "open_cifar100"]

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


def open_cifar10(rest: str) -> CifarImages:
    """CIFAR-10 below the folder ``rest``."""
    return _open("cifar10", rest, "cifar-10-batches-py", TRAIN_10, TEST_10)


def open_cifar100(rest: str) -> CifarImages:
    """CIFAR-100 below the folder ``rest``."""
    return _open("cifar100", rest, "cifar-100-python", TRAIN_100, TEST_100)


def _open(name: str, root: str, folder: str, train: Mapping[str, str], test: Mapping[str, str]) -> CifarImages:
    if not root:
        raise DataError(f"data {name}: allowed: {name}:ROOT with the folder that holds {folder}")
    home = Path(root) / folder if (Path(root) / folder).is_dir() else Path(root)
    files = [home / file for file in train if (home / file).is_file()]
    if files:
        return CifarImages(np.concatenate([_images(path, train[path.name]) for path in files]))
    for file, md5 in test.items():
        if (home / file).is_file():
            return CifarImages(_images(home / file, md5)[::2])
    wanted = ", ".join((*train, *test))
    raise DataError(f"data {name}:{root}: holds no file of {folder}; allowed: a folder with any of {wanted}")


def _images(path: Path, md5: str) -> NDArray[np.uint8]:
    """``(images, 3, 32, 32)`` of one file, once it is known to be the official one."""
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"{path}: is not the official file (MD5 {found}; allowed: {md5}): damaged or changed")
    batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    data: NDArray[np.uint8] = batch[b"data"].reshape(-1, *IMAGE_SHAPE)
    return data


class _ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain containers; whatever else a pickle asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module.endswith("core.multiarray"):
            return RECONSTRUCT
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
