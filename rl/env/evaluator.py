"""A policy's accuracy on search images and its energy on a machine, fast enough to ask for hundreds of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from accel_sim.errors import DataError
from accel_sim.hardware.schema import Hardware
from accel_sim.result import Result
from compress.accuracy import device_of
from compress.classify import Classification, LabelledInputs, classify, log_probabilities
from compress.graph.trace import layer_graph
from compress.policy.schema import Quantization
from rl.env.energy import EnergyMeter
from rl.env.pruned_layers import PrunedLayers
from rl.env.quantised_network import QUICK, NetworkBuilder, QuantisedNetwork
from rl.env.space import Candidate, SearchSpace, pruning_options, search_space

__all__ = ["Answers", "Evaluation", "EvaluatorSettings", "PolicyEvaluator"]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class EvaluatorSettings:
    """How policies are measured.

    Attributes:
        quantization: ranges and repairs of every policy that is tried.
        bias_images: calibration images that bias correction runs on.
        batch: images at a time.
        device: where networks run, ``cpu`` or ``cuda``.
        seed: of pruning algorithms that draw.
    """

    quantization: Quantization = QUICK
    bias_images: int = 64
    batch: int = 100
    device: str = "cpu"
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What one policy gives.

    Attributes:
        top1_percent: accuracy on the search images, 0..100.
        loss: mean cross-entropy on them, nats.
        energy_pj: of one image on the machine.
        cycles, latency_s: of one image.
        seconds: that the measurement took, of which ``simulation_seconds`` for the machine.
    """

    top1_percent: float
    loss: float
    energy_pj: float
    cycles: int
    latency_s: float
    seconds: float
    simulation_seconds: float


class Answers(NamedTuple):
    """``log_probabilities (images, classes)`` float64, and their top-1 accuracy, 0..100."""

    log_probabilities: Tensor
    top1_percent: float


class PolicyEvaluator:
    """Evaluates candidates of a search space; the same candidate always gives the same figures.

    Pruning is chosen on the float network, statistics of which are taken once; weights, grids and mappings are
    remembered by content (:mod:`rl.env.quantised_network`, :mod:`accel_sim.mapping.search`), so that only what a
    policy changes is worked out again.

    Args:
        model: float, on the CPU, in evaluation mode; it is not changed.
        hardware: the machine.
        search: images that accuracy is measured on; never those that it is reported on.
        calibration: images for ranges, statistics and repairs; the machine works on the first.
        settings: how.

    Raises:
        DataError: labels that the model does not know.
        WorkloadError: the model cannot be traced, or no such device.
        MappingError: the dense network does not fit the machine.
    """

    def __init__(
        self,
        model: nn.Module,
        hardware: Hardware,
        search: LabelledInputs,
        calibration: LabelledInputs,
        settings: EvaluatorSettings | None = None,
    ) -> None:
        self.settings = settings or EvaluatorSettings()
        self.hardware, self._calibration = hardware, calibration
        self._device = device_of(self.settings.device)
        image = calibration.inputs[:1]
        self.graph = layer_graph(model, image)
        self.space: SearchSpace = search_space(model, self.graph, pruning_options(hardware))
        _check_labels(model, search, calibration)
        self._search = search.on(self._device)
        self.float_accuracy = self._classified_float(model)
        seed = self.settings.seed
        self._pruned = PrunedLayers(model, self.graph, self.space, calibration.inputs, calibration.labels, seed)
        switches, bias_images = self.settings.quantization, self.settings.bias_images
        self._builder = NetworkBuilder(model, self.graph, calibration.inputs, switches, bias_images)
        self._meter = EnergyMeter(self.graph, hardware, image)
        self._known: dict[Candidate, Evaluation] = {}
        self.reference = self.evaluate(self.space.reference)

    @property
    def images(self) -> int:
        """How many images accuracy is measured on."""
        return len(self._search)

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Measure a candidate; one that was measured before is looked up.

        Raises:
            WorkloadError: the machine does not take its weights.
            MappingError: a layer fits no legal tile.
        """
        if candidate not in self._known:
            self._known[candidate] = self._measure(candidate)
        return self._known[candidate]

    def network(self, candidate: Candidate) -> QuantisedNetwork:
        """The quantised network of a candidate, on the settings' device."""
        policy = self.space.policy(candidate, self.settings.quantization)
        network = self._builder.build(policy, self._pruned.of(policy))
        network.model.to(self._device)
        return network

    def classified(self, network: QuantisedNetwork, images: int | None = None) -> Classification:
        """A network's answers to the first search images, or to all."""
        search = self._search if images is None else self._search.first(images)
        return classify(network.model, search, self.settings.batch)

    def answers(self, network: QuantisedNetwork, images: int) -> Answers:
        """What a network makes of the first search images."""
        search = self._search.first(images)
        found = log_probabilities(network.model, search, self.settings.batch)
        hits = found.argmax(1) == search.labels.cpu()
        return Answers(found, 100 * float(hits.double().mean()))

    def simulated(self, candidate: Candidate, network: QuantisedNetwork | None = None) -> Result:
        """The machine's run of a candidate."""
        policy = self.space.policy(candidate, self.settings.quantization)
        return self._meter.measure(policy, network or self.network(candidate))

    def _measure(self, candidate: Candidate) -> Evaluation:
        network, building_s = _timed(lambda: self.network(candidate))
        answers, classifying_s = _timed(lambda: self.classified(network))
        result, simulation_s = _timed(lambda: self.simulated(candidate, network))
        total = result.total
        return Evaluation(
            top1_percent=answers.top1_percent,
            loss=answers.cross_entropy,
            energy_pj=total.energy_pj.total,
            cycles=total.cycles.total,
            latency_s=total.latency_s,
            seconds=building_s + classifying_s + simulation_s,
            simulation_seconds=simulation_s,
        )

    def _classified_float(self, model: nn.Module) -> Classification:
        home = next((tensor.device for tensor in model.parameters()), self._device)
        try:
            return classify(model.to(self._device), self._search, self.settings.batch)
        finally:
            model.to(home)


def _timed(run: Callable[[], _Result]) -> tuple[_Result, float]:
    start = perf_counter()
    result = run()
    return result, perf_counter() - start


def _check_labels(model: nn.Module, *parts: LabelledInputs) -> None:
    with torch.inference_mode():
        logits = model(parts[0].inputs[:1])
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else ()
    if len(shape) != 2:
        raise DataError(
            f"the model returns {shape or type(logits).__name__} for one image; allowed: logits (1, classes)"
        )
    largest = max(int(part.labels.max()) for part in parts)
    if largest >= shape[1]:
        raise DataError(f"labels go up to {largest}; the model tells {shape[1]} classes apart")
