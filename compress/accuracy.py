"""How often a model names the right class of labelled images."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from accel_sim.errors import DataError, WorkloadError
from compress.data import LabelledImages, open_labelled
from compress.graph.trace import evaluation

__all__ = ["Accuracy", "batch_workers", "device_of", "evaluate", "image_ranks", "label_ranks"]

TOP = 5


@dataclass(frozen=True)
class Accuracy:
    """Share of images whose class has the largest logit, or one of the five largest.

    Attributes:
        top1_percent, top5_percent: 0..100.
        images: how many were classified.
    """

    top1_percent: float
    top5_percent: float
    images: int


def evaluate(
    model: nn.Module,
    data: LabelledImages | str,
    *,
    batch: int = 100,
    device: str | torch.device = "cpu",
    input_shape: Sequence[int] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Accuracy:
    """Classify images and compare with their labels.

    Args:
        model: takes ``(batch, channels, height, width)`` and returns logits ``(batch, classes)``. It runs in evaluation
            mode, on the CPU several batches at a time, each in a thread (``torch.get_num_threads()`` of them); it stays
            as and where it is.
        data: the images, or the name of a data set (as for :func:`compress.data.open_labelled`), whose ``report``
            split is then used.
        batch: images at a time; the result depends on it only through the rounding of float sums.
        device: where the model runs, ``cpu`` or ``cuda``.
        input_shape: ``(channels, height, width)`` that the model takes, where it has no such attribute.
        progress: called after every batch with the images classified so far and those in all.

    Raises:
        DataError: images that are missing, damaged or do not fit the model, or labels that the model does not know.
        WorkloadError: no such device, or outputs that are no logits.
    """
    images = open_labelled(data) if isinstance(data, str) else data
    ranks = image_ranks(model, images, batch=batch, device=device, input_shape=input_shape, progress=progress)
    return Accuracy(_percent(ranks < 1), _percent(ranks < TOP), images.size)


def image_ranks(
    model: nn.Module,
    images: LabelledImages,
    *,
    batch: int = 100,
    device: str | torch.device = "cpu",
    input_shape: Sequence[int] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Tensor:
    """How many classes a model puts before the right one, int64 ``(images,)`` in their order; as :func:`evaluate`."""
    if batch < 1:
        raise WorkloadError(f"batch is {batch}; allowed: an integer from 1")
    place = device_of(device)
    parts = [range(start, min(start + batch, images.size)) for start in range(0, images.size, batch)]

    def ranks(positions: range) -> Tensor:
        inputs, labels = images.inputs(model, positions, input_shape), images.labels[positions.start : positions.stop]
        with torch.inference_mode():
            # convolutions on the CPU are faster with channels last, and the weights need no other layout for it
            logits = model(inputs.to(place, memory_format=torch.channels_last))
            return label_ranks(_checked(logits, len(labels), images), labels.to(place)).cpu()

    done: list[Tensor] = []
    with evaluation(model), _moved(model, place), batch_workers(place) as workers:
        for part, found in zip(parts, workers.map(ranks, parts), strict=True):
            done.append(found)
            if progress is not None:
                progress(part.stop, images.size)
    return torch.cat(done)


def _percent(hits: Tensor) -> float:
    return 100 * int(hits.sum()) / len(hits)


def label_ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes come before the right one, int64 ``(images,)``: 0 is a hit.

    Of equal logits, the class with the lower number comes first; a logit that is no number comes before every other.

    Args:
        logits: ``(images, classes)``.
        labels: int64 ``(images,)``.

    >>> label_ranks(torch.tensor([[0.5, 0.1, 0.5], [0.0, 2.0, 1.0]]), torch.tensor([2, 1])).tolist()
    [1, 0]
    """
    own = logits.gather(1, labels[:, None])
    earlier = torch.arange(logits.shape[1], device=logits.device) < labels[:, None]
    return (~(logits <= own) | ((logits == own) & earlier)).sum(1)


def _checked(logits: object, images: int, data: LabelledImages) -> Tensor:
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != images:
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise WorkloadError(f"the model returns {found} for {images} images; allowed: logits (images, classes)")
    if logits.shape[1] < data.classes:
        raise DataError(f"data {data.spec}: has {data.classes} classes; the model tells {logits.shape[1]} apart")
    return logits


def device_of(name: str | torch.device) -> torch.device:
    """The device of a name.

    Raises:
        WorkloadError: it is not known, or not there.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise WorkloadError(f"device {str(name)!r}: is not known; allowed: cpu, cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise WorkloadError(f"device {str(name)!r}: PyTorch finds no such device here; allowed: cpu")
    return device


@contextlib.contextmanager
def batch_workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """As many threads as PyTorch would use, each running whole batches by itself; one for another device.

    Threads that share an operation wait for each other dozens of times per batch, which costs more than it brings in
    small networks, and many times the work itself on a machine that is busy otherwise.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads if device.type == "cpu" else 1) as workers:
            yield workers
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def _moved(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Keep the model on a device for a while."""
    tensors = (*model.parameters(), *model.buffers())
    home = next((tensor.device for tensor in tensors), device)
    model.to(device)
    try:
        yield
    finally:
        model.to(home)
