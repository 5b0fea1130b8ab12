"""Images with labels in splits that keep apart what is tuned on and what is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accel_sim.errors import DataError
from compress.data.images import DataSet, Images
from compress.data.normalisation import normalisation_of

__all__ = ["LabelledImages", "Split", "split_of"]


class Split(StrEnum):
    """Which images of a data set.

    ``report`` shares no image with ``search`` or ``calibration``; these two are the same where there are no training
    images.
    """

    CALIBRATION = "calibration"
    """Training images; where there are none, those of ``search``. For ranges, statistics and repairs."""
    SEARCH = "search"
    """Test images with an even index. For choosing between policies."""
    REPORT = "report"
    """Test images with an odd index. For figures that are reported, and nothing else."""
    TEST = "test"
    """All test images. For comparing a float network with its published accuracy."""


TEST_IMAGES = {Split.TEST: (0, 1), Split.REPORT: (1, 2)}
"""Split -> index of its first test image, and the step to the next; the other splits have the even ones."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Chosen images of a data set with their labels.

    Attributes:
        spec: the data set, as the user named it.
        split: which part of it they come from.
        classes: how many classes the data set has.
        labels: int64 ``(size,)``, 0 to ``classes - 1``.
        indices: int64 ``(size,)``, where the images stand in the data set's training or test images.
    """

    spec: str
    split: Split
    classes: int
    labels: Tensor
    indices: NDArray[np.int64]
    images: Images

    @property
    def size(self) -> int:
        """How many images there are."""
        return len(self.indices)

    def pixels(self, positions: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
        """Chosen images as float32 ``(len(positions), channels, height, width)`` in 0..1.

        Args:
            positions: 0 to ``size - 1``.
            shape: ``(channels, height, width)`` that the model takes; images of a fixed size ignore it.
        """
        return self.images.pixels(self.indices[list(positions)].tolist(), shape)

    def inputs(
        self, model: nn.Module, positions: Sequence[int] | None = None, input_shape: Sequence[int] | None = None
    ) -> Tensor:
        """Chosen images as a model reads them: float32 ``(len(positions), channels, height, width)``, normalised.

        Args:
            model: whose attributes ``input_shape`` and ``normalisation`` are read
                (:func:`compress.data.normalisation.normalisation_of` says what holds without the latter).
            positions: 0 to ``size - 1``; all if left out.
            input_shape: ``(channels, height, width)`` that the model takes, instead of the model's attribute.

        Raises:
            DataError: images that cannot be read or do not fit the model, or a model that does not tell its shape.
        """
        shape = tuple(input_shape or getattr(model, "input_shape", None) or ())
        if len(shape) != 3:
            raise DataError(f"data {self.spec}: which images the model takes is not known; give its input shape, C,H,W")
        pixels = self.pixels(range(self.size) if positions is None else positions, (shape[0], shape[1], shape[2]))
        found = tuple(pixels.shape[1:])
        if found != shape:
            raise DataError(f"data {self.spec}: images are {_by(found)} (C×H×W); the model takes {_by(shape)}")
        return normalisation_of(model, shape[0]).apply(pixels)

    def batches(
        self, model: nn.Module, batch: int, input_shape: Sequence[int] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """``(inputs, labels)`` of ``batch`` images at a time (:meth:`inputs`), in order; fewer in the last."""
        for start in range(0, self.size, batch):
            positions = range(start, min(start + batch, self.size))
            yield self.inputs(model, positions, input_shape), self.labels[start : positions.stop]

    def take(self, positions: Sequence[int]) -> LabelledImages:
        """Some of these images, in the order given."""
        chosen = list(positions)
        return replace(self, labels=self.labels[chosen], indices=self.indices[chosen])

    def stratified(self, count: int, seed: int = 0) -> LabelledImages:
        """A sample with equally many images of every class, as far as there are enough.

        Classes take turns, in an order that the seed draws, each giving one of its images not given yet, drawn by the
        seed as well; so the first ``n`` of ``count`` images are the same for every ``count``.

        Raises:
            DataError: ``count`` is below 1 or above ``size``.
        """
        if not 1 <= count <= self.size:
            raise DataError(f"data {self.spec}: {count} images are asked for; allowed: 1 to {self.size}")
        generator = np.random.default_rng(seed)
        drawn = generator.permutation(self.size)
        turn_of_class = generator.permutation(self.classes)
        labels = self.labels.numpy()[drawn]
        rounds = _rank_within(labels)
        return self.take(drawn[np.lexsort((turn_of_class[labels], rounds))[:count]].tolist())

    def sample(self, count: int, seed: int = 0) -> LabelledImages:
        """A sample without regard to classes; the first ``n`` of ``count`` are the same for every ``count``.

        Raises:
            DataError: ``count`` is below 1 or above ``size``.
        """
        if not 1 <= count <= self.size:
            raise DataError(f"data {self.spec}: {count} images are asked for; allowed: 1 to {self.size}")
        return self.take(np.random.default_rng(seed).permutation(self.size)[:count].tolist())


def _rank_within(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each element, how many equal ones stand before it.

    >>> _rank_within(np.array([4, 1, 4, 4, 1])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    ranks = np.empty_like(labels)
    ranks[order] = np.arange(len(labels)) - np.searchsorted(ordered, ordered)
    return ranks


def split_of(data_set: DataSet, spec: str, split: Split) -> LabelledImages:
    """One split of a data set; :class:`Split` says which images it has."""
    part, (start, step) = data_set.training() if split is Split.CALIBRATION else None, (0, 1)
    if part is None:
        part, (start, step) = data_set.test(), TEST_IMAGES.get(split, (0, 2))
    indices = np.arange(start, part.images.size, step)
    if len(indices) == 0:
        raise DataError(f"data {spec}: has no image in the split {split}; it has {part.images.size} in all")
    labels = torch.from_numpy(part.labels[indices])
    return LabelledImages(spec, split, data_set.classes, labels, indices, part.images)


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
