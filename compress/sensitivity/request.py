"""The sensitivity of the model, weights and images that a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from compress.classify import LabelledInputs
from compress.data import LabelledImages, open_labelled
from compress.graph.trace import layer_graph
from compress.model_sources import trained_model
from compress.sensitivity.measure import Progress, layer_sensitivity
from compress.sensitivity.probes import Probes
from compress.sensitivity.table import SensitivityTable

__all__ = ["CALIBRATION_IMAGES", "SensitivityRequest", "measure_request"]

CALIBRATION_IMAGES = 128
"""That statistics and ranges are taken from, or all that there are."""


@dataclass(frozen=True)
class SensitivityRequest:
    """What is measured.

    Attributes:
        model: ``torchvision:NAME`` or ``module:callable``.
        data: the data set; probes are measured on its ``search`` split.
        probes: what is tried.
        weights: of the model; its initialisation (of ``seed``) if left out.
        images: how many are classified for every probe, equally many of each class; at most all that there are.
        input_shape: ``(channels, height, width)`` where the model does not tell.
        seed: which images, and of algorithms that draw.
    """

    model: str
    data: str
    probes: Probes
    weights: Path | None
    images: int
    input_shape: Sequence[int] | None
    seed: int


def measure_request(request: SensitivityRequest, progress: Progress | None = None) -> SensitivityTable:
    """Build the model, read its weights and the images, and measure.

    Raises:
        WorkloadError, DataError, PolicyError: what is wrong, one line each.
    """
    source = trained_model(request.model, request.weights, request.seed)
    shape = request.input_shape or source.input_shape
    search, calibration = (open_labelled(request.data, split) for split in ("search", "calibration"))
    images = _inputs(search.stratified(request.images, request.seed), source.model, shape)
    seen = calibration.sample(min(CALIBRATION_IMAGES, calibration.size), request.seed)
    graph = layer_graph(source.model, images.inputs[:1], name=request.model)
    return layer_sensitivity(
        source.model,
        graph,
        images,
        request.probes,
        calibration=_inputs(seen, source.model, shape),
        seed=request.seed,
        progress=progress,
    )


def _inputs(images: LabelledImages, model: nn.Module, shape: Sequence[int] | None) -> LabelledInputs:
    return LabelledInputs(images.inputs(model, input_shape=shape), images.labels)
