"""CIFAR-10 and CIFAR-100 through torchvision: ``cifar10:torchvision``, fetched on first use and then kept."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from compress.fetch import cache_folder, fetching

__all__ = ["KEYWORD", "fetched_cifar"]

KEYWORD = "torchvision"
"""In place of the folder that holds the files; a folder of this name is ``./torchvision``."""


def fetched_cifar(name: str, folder: str) -> Path:
    """The folder that holds ``folder`` with the whole data set; it appears only once everything is there and right.

    Args:
        name: ``cifar10`` or ``cifar100``.
        folder: of the official archive.

    Raises:
        RunError: it is not in the cache and cannot be fetched.
    """
    home = cache_folder()
    if (home / folder).is_dir():
        return home
    from torchvision import datasets

    published = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    advice = f"fetch and unpack it on a connected machine and give {name}:ROOT"
    with fetching(f"data {name}:{KEYWORD}", published.filename, published.url, advice):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as unfinished:
            published(unfinished, download=True)
            shutil.move(Path(unfinished) / folder, home / folder)
    return home
