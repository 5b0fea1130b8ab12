"""From the name of a data set to a batch of images that fits a model."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from accel_sim.errors import DataError
from compress.data.images import Images

__all__ = ["DATA_FORMS", "calibration_batch", "open_images"]

DATA_FORMS = "digits, cifar10:ROOT, cifar100:ROOT, imagefolder:ROOT or fake:CLASSESxCxHxW"


def _digits(rest: str) -> Images:
    from compress.data.digits import open_digits

    return open_digits(rest)


def _cifar10(rest: str) -> Images:
    from compress.data.cifar import open_cifar10

    return open_cifar10(rest)


def _cifar100(rest: str) -> Images:
    from compress.data.cifar import open_cifar100

    return open_cifar100(rest)


def _folder(rest: str) -> Images:
    try:
        from compress.data.folder import open_folder
    except ImportError as error:
        raise DataError("data imagefolder: Pillow is needed; pip install 'bitgrove[torch]'") from error
    return open_folder(rest)


def _fake(rest: str) -> Images:
    from compress.data.fake import open_fake

    return open_fake(rest)


READERS: dict[str, Callable[[str], Images]] = {
    "digits": _digits,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "imagefolder": _folder,
    "fake": _fake,
}
"""Name of a data set -> what reads it, given the rest of the specification."""


def open_images(spec: str) -> Images:
    """Find the images that a specification names, and check that its files are what they should be.

    Args:
        spec: ``digits``, ``cifar10:ROOT``, ``cifar100:ROOT``, ``imagefolder:ROOT`` or ``fake:CLASSESxCxHxW``.

    Raises:
        DataError: an unknown data set, missing or damaged files.
    """
    kind, _, rest = spec.partition(":")
    if kind not in READERS:
        close = difflib.get_close_matches(kind, READERS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DataError(f"data {spec!r}: is not known{hint}; allowed: {DATA_FORMS}")
    return READERS[kind](rest)


def calibration_batch(
    spec: str, model: nn.Module, count: int, seed: int = 0, input_shape: Sequence[int] | None = None
) -> Tensor:
    """Images drawn without replacement, normalised for a model.

    Args:
        spec: as for :func:`open_images`.
        model: whose attributes ``input_shape`` and ``normalisation`` are read
            (:func:`compress.data.normalisation.normalisation_of` says what holds without the latter).
        count: how many images.
        seed: which images; the first ``n`` of ``count`` are the same for every ``count``.
        input_shape: ``(channels, height, width)`` that the model takes, instead of the model's attribute.

    Returns:
        float32 ``(count, channels, height, width)``.

    Raises:
        DataError: an unknown data set, missing or damaged files, too few images, or images that do not fit the model.
    """
    from compress.data.normalisation import normalisation_of

    images = open_images(spec)
    shape = tuple(input_shape or getattr(model, "input_shape", None) or ())
    if len(shape) != 3:
        raise DataError(f"data {spec}: which images the model takes is not known; give its input shape, C,H,W")
    if not 1 <= count <= images.size:
        raise DataError(f"data {spec}: {count} images are asked for; allowed: 1 to {images.size}")
    chosen = np.random.default_rng(seed).permutation(images.size)[:count]
    pixels = images.pixels([int(index) for index in chosen], (shape[0], shape[1], shape[2]))
    found = tuple(pixels.shape[1:])
    if found != shape:
        raise DataError(f"data {spec}: images are {_by(found)} (C×H×W); the model takes {_by(shape)}")
    return normalisation_of(model, shape[0]).apply(pixels)


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
