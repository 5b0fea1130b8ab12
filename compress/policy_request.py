"""A policy applied to the model, weights and images that a command line names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from accel_sim.workload import Workload
from compress.compressed import CompressedModel, compress_model
from compress.compressed_workload import compressed_workload
from compress.data import open_labelled
from compress.model_sources import trained_model
from compress.policy.load import read_policy

__all__ = ["CALIBRATION_IMAGES", "Compression", "PolicyRequest", "apply_policy", "policy_workload"]

CALIBRATION_IMAGES = 256
"""Unless the user says otherwise."""


@dataclass(frozen=True)
class PolicyRequest:
    """What a policy is applied to.

    Attributes:
        model: ``torchvision:NAME`` or ``module:callable``.
        policy: its file.
        data: the data set that ranges, statistics and activations are taken from.
        weights: of the model; its initialisation (of ``seed``) if left out.
        images: how many calibration images, at most all that there are; ``None``: :data:`CALIBRATION_IMAGES`.
        input_shape: ``(channels, height, width)`` where the model does not tell.
        seed: which images, and of algorithms that draw.
    """

    model: str
    policy: Path
    data: str
    weights: Path | None = None
    images: int | None = None
    input_shape: Sequence[int] | None = None
    seed: int = 0


@dataclass(frozen=True)
class Compression:
    """A float model, what a policy makes of it, and the calibration images as the model reads them."""

    model: nn.Module
    compressed: CompressedModel
    images: Tensor


def apply_policy(request: PolicyRequest) -> Compression:
    """Build the model, read its weights, the policy and the images, and compress.

    Raises:
        WorkloadError, DataError, PolicyError: what is wrong, one line each.
    """
    policy = read_policy(request.policy)
    source = trained_model(request.model, request.weights, request.seed)
    there = open_labelled(request.data, "calibration")
    count = min(CALIBRATION_IMAGES, there.size) if request.images is None else request.images
    chosen = there.sample(count, request.seed)
    images = chosen.inputs(source.model, input_shape=request.input_shape or source.input_shape)
    model = source.model
    return Compression(model, compress_model(model, policy, images, chosen.labels, seed=request.seed), images)


def policy_workload(request: PolicyRequest, batch: int, warn: Callable[[str], object] = lambda _: None) -> Workload:
    """The workload of the compressed model on the first ``batch`` calibration images.

    ``warn`` is told of each ratio that could not be met.

    Raises:
        WorkloadError: fewer images than the batch; else as :func:`apply_policy`.
    """
    if request.images is not None and request.images < batch:
        raise WorkloadError(f"{request.model}: images is {request.images}; allowed: at least the batch, {batch}")
    found = apply_policy(request)
    for line in found.compressed.warnings:
        warn(line)
    workload = compressed_workload(found.compressed, found.images[:batch], request.model)
    source = request.data.partition(":")[0]
    initial = f" of initial weights (seed {request.seed})" if request.weights is None else ""
    origin = {
        "weights": f"compressed by {request.policy.name}{initial}",
        "activations": f"{batch} image{'s' if batch > 1 else ''} of {source}, calibrated on {len(found.images)}",
    }
    return replace(workload, metadata=MappingProxyType(origin))
