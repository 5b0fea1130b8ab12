"""From the name of a data set to images that fit a model."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from accel_sim.errors import DataError
from compress.data.images import DataSet
from compress.data.labelled import LabelledImages, Split, split_of

__all__ = ["DATA_FORMS", "calibration_batch", "open_images", "open_labelled"]

DATA_FORMS = (
    "digits, cifar10:ROOT, cifar100:ROOT, imagenet-compat:ROOT, imagenet-compat-crop:ROOT, imagefolder:ROOT or "
    "fake:CLASSESxCxHxW"
)


def _digits(rest: str) -> DataSet:
    from compress.data.digits import open_digits

    return open_digits(rest)


def _cifar10(rest: str) -> DataSet:
    from compress.data.cifar import open_cifar10

    return open_cifar10(rest)


def _cifar100(rest: str) -> DataSet:
    from compress.data.cifar import open_cifar100

    return open_cifar100(rest)


def _imagenet_compat(rest: str) -> DataSet:
    try:
        from compress.data.imagenet_compat import open_imagenet_compat
    except ImportError as error:
        raise _no_pillow("imagenet-compat") from error
    return open_imagenet_compat(rest)


def _imagenet_compat_crop(rest: str) -> DataSet:
    try:
        from compress.data.imagenet_compat import open_imagenet_compat_crop
    except ImportError as error:
        raise _no_pillow("imagenet-compat-crop") from error
    return open_imagenet_compat_crop(rest)


def _folder(rest: str) -> DataSet:
    try:
        from compress.data.folder import open_folder
    except ImportError as error:
        raise _no_pillow("imagefolder") from error
    return open_folder(rest)


def _no_pillow(name: str) -> DataError:
    return DataError(f"data {name}: Pillow is needed; pip install 'bitgrove[torch]'")


def _fake(rest: str) -> DataSet:
    from compress.data.fake import open_fake

    return open_fake(rest)


READERS: dict[str, Callable[[str], DataSet]] = {
    "digits": _digits,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "imagenet-compat": _imagenet_compat,
    "imagenet-compat-crop": _imagenet_compat_crop,
    "imagefolder": _folder,
    "fake": _fake,
}
"""Name of a data set -> what reads it, given the rest of the specification."""


def open_labelled(spec: str, split: Split | str = Split.REPORT) -> LabelledImages:
    """Find the images and labels that a specification names, and check that its files are what they should be.

    Args:
        spec: ``digits``, ``cifar10:ROOT``, ``cifar100:ROOT``, ``imagenet-compat:ROOT`` (scaled to what the model
            takes), ``imagenet-compat-crop:ROOT``, ``imagefolder:ROOT`` or ``fake:CLASSESxCxHxW``. With ``torchvision``
            for ROOT, CIFAR is fetched on first use.
        split: ``report``, ``search``, ``calibration`` or ``test``; :class:`Split` says which images these are.

    Raises:
        DataError: an unknown data set or split, missing or damaged files.
        RunError: a data set that cannot be fetched.

    >>> open_labelled("digits", "search").size, open_labelled("digits", "report").indices[:3].tolist()
    (180, [1, 3, 5])
    """
    kind, _, rest = spec.partition(":")
    if kind not in READERS:
        close = difflib.get_close_matches(kind, READERS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DataError(f"data {spec!r}: is not known{hint}; allowed: {DATA_FORMS}")
    if split not in tuple(Split):
        raise DataError(f"data {spec}: split {split!r} is not known; allowed: {', '.join(Split)}")
    return split_of(READERS[kind](rest), spec, Split(split))


def open_images(spec: str) -> LabelledImages:
    """The images to calibrate on, :func:`open_labelled` of the split ``calibration``; none is one that is reported on.

    Raises:
        DataError: an unknown data set, missing or damaged files.
    """
    return open_labelled(spec, Split.CALIBRATION)


def calibration_batch(
    spec: str, model: nn.Module, count: int, seed: int = 0, input_shape: Sequence[int] | None = None
) -> Tensor:
    """Images of the split ``calibration``, drawn without replacement, normalised for a model.

    Args:
        spec: as for :func:`open_labelled`.
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
    return open_images(spec).sample(count, seed).inputs(model, input_shape=input_shape)
