"""What a search is asked for, and everything that can be wrong with it found before it starts."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from accel_sim import __version__
from accel_sim.errors import InputError
from accel_sim.hardware.schema import Hardware
from compress.classify import LabelledInputs
from compress.data import LabelledImages, open_labelled
from compress.model_sources import trained_model
from rl.agents.config import AgentConfig
from rl.env.evaluator import EvaluatorSettings, PolicyEvaluator
from rl.env.reward import Reward
from rl.requests import load_machine
from rl.searchers.registry import check_agent

__all__ = ["CALIBRATION_IMAGES", "INNER_IMAGES", "MARGIN", "Prepared", "SearchRequest", "prepare"]

INNER_IMAGES = 1000
CALIBRATION_IMAGES = 256
MARGIN = 1.0
"""Standard errors: five of six policies that just keep it keep the bound on other images."""


@dataclass(frozen=True)
class SearchRequest:
    """A search.

    Attributes:
        model: ``torchvision:NAME`` or ``module:callable``.
        hardware: a built-in machine or a YAML file; ``overrides`` are ``FIELD=VALUE``.
        data: whose search images policies are tried on, and report images reported on.
        agent: name of a searcher.
        episodes: policies that are tried.
        max_loss_points: bound on the loss of top-1 accuracy, percentage points.
        seed: of everything random.
        out: folder for the store and the results; a search that is there already goes on.
        weights: of the model.
        images: search images of every try; ``None``: 1,000, or all if there are fewer.
        input_shape: ``(channels, height, width)`` where the model does not tell.
        device: where networks run while policies are tried.
        sensitivity: a ``sensitivity.json`` of an earlier search of the same network, machine and data, to save its
            measurement.
        agent_config: hyper-parameters of the agents that learn.
        shaped: whether steps are rewarded by the sensitivity table on the way.
        margin: standard errors by which the loss on all search images must be below the bound, from 0.
        settings: ranges and repairs of every try.
    """

    model: str
    hardware: str
    data: str
    agent: str
    episodes: int
    max_loss_points: float
    out: Path
    seed: int = 0
    weights: Path | None = None
    overrides: tuple[str, ...] = ()
    images: int | None = None
    input_shape: tuple[int, ...] | None = None
    device: str = "cpu"
    sensitivity: Path | None = None
    agent_config: AgentConfig = AgentConfig(warmup_episodes=0)
    shaped: bool = True
    margin: float = MARGIN
    settings: EvaluatorSettings = field(default_factory=EvaluatorSettings)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything read and checked.

    Attributes:
        inner, search, report, calibration: images of every try, all search images, report and calibration images.
        measured_by: what the figures of a policy depend on, as plain values.
        identity: what the search depends on, likewise.
    """

    request: SearchRequest
    model: nn.Module
    hardware: Hardware
    inner: LabelledImages
    search: LabelledImages
    report: LabelledImages
    calibration: LabelledImages
    measured_by: dict[str, Any]
    identity: dict[str, Any]

    def inputs(self, images: LabelledImages) -> LabelledInputs:
        """Images as the model reads them."""
        shape = self.request.input_shape or getattr(self.model, "input_shape", None)
        return LabelledInputs(images.inputs(self.model, input_shape=shape), images.labels)

    def evaluator(self) -> PolicyEvaluator:
        """Of this network on this machine.

        Raises:
            DataError, WorkloadError, MappingError: the parts do not fit each other.
        """
        settings = replace(self.request.settings, device=self.request.device, seed=self.request.seed)
        return PolicyEvaluator(
            self.model, self.hardware, self.inputs(self.inner), self.inputs(self.calibration), settings
        )


def prepare(request: SearchRequest) -> Prepared:
    """Read model, weights, machine and images.

    Raises:
        InputError: one line that says what is wrong and what is allowed.
    """
    check_agent(request.agent)
    if request.episodes < 1:
        raise InputError(f"--episodes: holds {request.episodes}; allowed: from 1")
    if request.seed < 0:
        raise InputError(f"--seed: holds {request.seed}; allowed: from 0")
    if not 0 <= request.margin < math.inf:
        raise InputError(f"--margin: holds {request.margin:g}; allowed: from 0 standard errors")
    Reward(request.max_loss_points, 1.0, 100.0)  # refuses a bound that is none
    hardware = load_machine(request.hardware, request.overrides)
    search, report = open_labelled(request.data, "search"), open_labelled(request.data, "report")
    calibration = open_labelled(request.data, "calibration")
    count = min(INNER_IMAGES, search.size) if request.images is None else request.images
    inner = search.stratified(count, request.seed)
    source = trained_model(request.model, request.weights, request.seed)
    shape = request.input_shape or source.input_shape
    data = _data_identity(inner, source.model, shape)
    measured_by = _measured_by(request, hardware, data, inner.size)
    return Prepared(
        request=replace(request, input_shape=shape),
        model=source.model,
        hardware=hardware,
        inner=inner,
        search=search,
        report=report,
        calibration=calibration.stratified(min(CALIBRATION_IMAGES, calibration.size), request.seed),
        measured_by=measured_by,
        identity={**measured_by, **_searched_by(request), "confirmed": f"in full on {search.size}"},
    )


def _data_identity(inner: LabelledImages, model: nn.Module, shape: tuple[int, ...] | None) -> str:
    """Which images these are, wherever they lie: published sets are told by their name, a folder by its content."""
    kind = inner.spec.partition(":")[0]
    if kind == "fake":
        return inner.spec
    if kind != "imagefolder":
        return kind
    digest = hashlib.sha256(inner.inputs(model, input_shape=shape).numpy().tobytes())
    digest.update(inner.labels.numpy().tobytes())
    return f"{kind} {digest.hexdigest()[:16]}"


def _measured_by(request: SearchRequest, hardware: Hardware, data: str, images: int) -> dict[str, Any]:
    weights = None if request.weights is None else str(request.weights)
    if request.weights is not None and request.weights.is_file():
        weights = hashlib.sha256(request.weights.read_bytes()).hexdigest()[:16]
    return {
        "bitgrove": __version__,
        "model": request.model,
        "weights": weights,
        "hardware": hardware.content_hash(),
        "data": data,
        "images": images,
        "seed": request.seed,
        "input_shape": None if request.input_shape is None else list(request.input_shape),
        "quantization": request.settings.quantization.model_dump(mode="json"),
        "bias_images": request.settings.bias_images,
    }


def _searched_by(request: SearchRequest) -> dict[str, Any]:
    return {
        "agent": request.agent,
        "episodes": request.episodes,
        "max_loss_points": request.max_loss_points,
        "margin": request.margin,
        "agent_config": request.agent_config.model_dump(mode="json"),
        "shaped": request.shaped,
    }
