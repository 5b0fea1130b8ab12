"""Photographs labelled with ImageNet's classes: ``imagenet-compat:ROOT`` and ``imagenet-compat-crop:ROOT``.

ROOT holds one CSV file with the columns ``image_id`` and ``class_index_0_999`` (classes in the usual order, that of
their WordNet ids) and the images ``IMAGE_ID.jpg``, in one tar file, which is read without unpacking it, or as files.
Images are in the order of the CSV file. There are none for training.

``imagenet-compat`` scales the whole image to the size that the model takes; ``imagenet-compat-crop`` takes the central
pixels as they are.
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from accel_sim.errors import DataError
from compress.data.images import Part
from compress.data.photographs import SUFFIXES, Fit, centre_crop, read_photograph, scale

__all__ = ["ImagenetCompat", "Photographs", "open_imagenet_compat", "open_imagenet_compat_crop"]

CLASSES = 1000
COLUMNS = ("image_id", "class_index_0_999")


@dataclass(frozen=True)
class _File:
    """Where the bytes of an image lie: in a file, ``size`` of them from ``offset``."""

    path: Path
    name: str
    offset: int
    size: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) < self.size:
            raise DataError(f"{self.path}: ends inside {self.name}: damaged or cut off")
        return content


@dataclass(frozen=True, eq=False)
class Photographs:
    """Images that are decoded once for each size and then kept, 150 kB each at 224×224."""

    files: tuple[_File, ...]
    fit: Fit
    _decoded: dict[tuple[int, tuple[int, int, int]], Tensor] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.files)

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
        """``(len(indices), *shape)`` in 0..1."""
        return torch.stack([self._image(index, shape) for index in indices]).float() / 255

    def _image(self, index: int, shape: tuple[int, int, int]) -> Tensor:
        if (index, shape) not in self._decoded:
            file = self.files[index]
            name = f"{file.path}: {file.name}"
            self._decoded[index, shape] = read_photograph(io.BytesIO(file.read()), name, shape, self.fit)
        return self._decoded[index, shape]


@dataclass(frozen=True)
class ImagenetCompat:
    """Test images only."""

    images: Photographs
    labels: tuple[int, ...]
    classes: int = CLASSES

    def training(self) -> None:
        """There are none."""

    def test(self) -> Part:
        """All images."""
        return Part(self.images, np.array(self.labels, dtype=np.int64))


def open_imagenet_compat(rest: str) -> ImagenetCompat:
    """The images below the folder ``rest``, scaled to what the model takes."""
    return _open("imagenet-compat", rest, scale)


def open_imagenet_compat_crop(rest: str) -> ImagenetCompat:
    """The images below the folder ``rest``, cropped to what the model takes."""
    return _open("imagenet-compat-crop", rest, centre_crop)


def _open(name: str, rest: str, fit: Fit) -> ImagenetCompat:
    spec, root = f"data {name}:{rest}", Path(rest)
    if not rest or not root.is_dir():
        raise DataError(f"{spec}: is no folder; allowed: {name}:ROOT with one CSV file of labels and the images")
    table = _only(spec, root, "csv")
    if table is None:
        raise DataError(f"{spec}: holds no CSV file of labels; allowed: one with the columns {', '.join(COLUMNS)}")
    labels = _read_labels(table)
    archive = _only(spec, root, "tar")
    files = _images_in_folder(root) if archive is None else _images_in_tar(archive)
    missing = [image for image in labels if image not in files]
    if missing:
        where = root if archive is None else archive
        raise DataError(f"{where}: lacks image {missing[0]!r} and {len(missing) - 1} more that {table} lists")
    return ImagenetCompat(Photographs(tuple(files[image] for image in labels), fit), tuple(labels.values()))


def _only(spec: str, root: Path, suffix: str) -> Path | None:
    found = sorted(root.glob(f"*.{suffix}"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{spec}: holds {len(found)} {suffix} files ({names}); allowed: one")
    return found[0] if found else None


def _read_labels(path: Path) -> dict[str, int]:
    """Image -> class, in the order of the file."""
    labels: dict[str, int] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            lacking = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if lacking:
                raise DataError(
                    f"{path}:1: lacks the column {lacking[0]!r}; allowed: a header with {', '.join(COLUMNS)}"
                )
            for row in rows:
                image, label = (row[column] or "" for column in COLUMNS)
                where = f"{path}:{rows.line_num}"
                if not image or image in labels:
                    raise DataError(f"{where}: image_id is {image!r}; allowed: a name that no other row has")
                if not (label.isascii() and label.isdigit() and int(label) < CLASSES):
                    raise DataError(f"{where}: class_index_0_999 is {label!r}; allowed: an integer from 0 to 999")
                labels[image] = int(label)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV file ({type(error).__name__})") from error
    if not labels:
        raise DataError(f"{path}: lists no image; allowed: a row per image")
    return labels


def _images_in_tar(path: Path) -> Mapping[str, _File]:
    """Image -> its place in the archive; nothing is unpacked."""
    try:
        with tarfile.open(path, "r:") as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as a tar file ({type(error).__name__}): damaged or cut off") from error
    names = [PurePosixPath(member.name) for member in members]
    return {
        name.stem: _File(path, name.name, member.offset_data, member.size)
        for name, member in zip(names, members, strict=True)
        if name.suffix.lower() in SUFFIXES
    }


def _images_in_folder(root: Path) -> Mapping[str, _File]:
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    return {path.stem: _File(path, path.name, 0, path.stat().st_size) for path in paths}
