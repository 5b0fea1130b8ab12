"""Tries every probe on every layer of a network and measures what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import networkx as nx
import torch
from torch import Tensor, nn

from accel_sim.errors import PolicyError
from compress.classify import Classification, LabelledInputs, classify
from compress.policy.schema import LayerPolicy, Policy, Quantization
from compress.pruning.criterion import Need
from compress.pruning.prune import PrunedLayer, apply_weights, choose_pruning, prunable_layers
from compress.pruning.registry import criteria
from compress.pruning.statistics import collect_statistics
from compress.quantization.attention import take_attention_apart
from compress.quantization.fit import LayerFit, fit_layer
from compress.quantization.fold import fold_batch_norms, foldable_pairs
from compress.quantization.observe import input_hooks, observe_inputs
from compress.quantization.quantize import quantizable_layers, signed_inputs
from compress.quantization.ranges import Histogram, Target, activation_grid
from compress.sensitivity.probes import A_BITS, W_BITS, Probes
from compress.sensitivity.table import SensitivityRow, SensitivityTable
from compress.structure.masks import mask_layers

__all__ = ["layer_sensitivity"]

BATCH = 64
OTHER_BITS = 16
"""Width of the operand that a probe of bits leaves alone: as good as float."""
Progress = Callable[[int, int, str], object]


def layer_sensitivity(
    model: nn.Module,
    graph: nx.DiGraph,
    images: LabelledInputs,
    probes: Probes,
    *,
    calibration: LabelledInputs | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> SensitivityTable:
    """Cross-entropy and top-1 of a network of which one layer is pruned or quantised and all others are float.

    Pruned filters are taken with their biases and batch normalisation, as if they were removed. A probe of weight bits
    leaves the layer's input at 16 bits and one of activation bits its weights; ranges and repairs are the defaults of
    policies. A layer that an algorithm cannot prune (filters of the layer that makes the answers, a scale of batch
    normalisation where there is none) has no row for it.

    Args:
        model: float, in evaluation mode, on the CPU; it is not changed.
        graph: its layer graph.
        images: that are classified for every probe; never those that accuracy is reported on.
        probes: what is tried.
        calibration: images that statistics, ranges and repairs are taken from; ``images`` if left out.
        seed: of what is drawn.
        progress: called after every probe with those done, those in all, and the layer's name.

    Raises:
        PolicyError: an algorithm that can prune none of the layers.
        WorkloadError: the images do not fit the model.
    """
    study = _Study(model, graph, images, calibration or images, probes, seed, progress)
    return study.table()


class _Study:
    def __init__(
        self,
        model: nn.Module,
        graph: nx.DiGraph,
        images: LabelledInputs,
        calibration: LabelledInputs,
        probes: Probes,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self._model, self._graph, self._probes, self._seed = model, graph, probes, seed
        self._images, self._calibration = images.on(torch.device("cpu")), calibration
        self._layers = list(prunable_layers(model, graph))
        self._pruning = _Pruning(model, graph, self._layers, calibration, probes, seed)
        self._rounding = _Rounding(model, graph, calibration.inputs, seed)
        self._total = len(self._layers) * probes.per_layer
        self._done, self._progress = 0, progress

    def table(self) -> SensitivityTable:
        base = classify(self._model, self._images, BATCH)
        rows = [row for layer in self._layers for row in (*self._pruned(layer), *self._rounded(layer))]
        self._pruning.check_all_used()
        name = str(self._graph.graph["name"])
        return SensitivityTable(name, len(self._images), base.cross_entropy, base.top1_percent, tuple(rows))

    def _pruned(self, layer: str) -> Iterator[SensitivityRow]:
        for algorithm in self._probes.algorithms:
            for ratio in self._probes.ratios:
                network = self._pruning.network(layer, algorithm, ratio)
                if network is not None:
                    yield self._row(layer, algorithm, ratio, classify(network, self._images, BATCH))
                self._count(layer)

    def _rounded(self, layer: str) -> Iterator[SensitivityRow]:
        widths = [(W_BITS, bits, OTHER_BITS) for bits in self._probes.w_bits]
        widths += [(A_BITS, OTHER_BITS, bits) for bits in self._probes.a_bits]
        read = self._rounding.input_of(layer) if widths else torch.empty(0)
        for change, w_bits, a_bits in widths:
            with self._rounding.network(layer, read, w_bits, a_bits) as network:
                found = classify(network, self._images, BATCH)
            yield self._row(layer, change, min(w_bits, a_bits), found)
            self._count(layer)

    def _row(self, layer: str, change: str, amount: float, found: Classification) -> SensitivityRow:
        return SensitivityRow(layer, change, float(amount), found.cross_entropy, found.top1_percent)

    def _count(self, layer: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total, layer)


class _Pruning:
    """Networks with one pruned layer, from statistics that are collected once."""

    def __init__(
        self,
        model: nn.Module,
        graph: nx.DiGraph,
        layers: list[str],
        calibration: LabelledInputs,
        probes: Probes,
        seed: int,
    ) -> None:
        self._model, self._graph, self._calibration, self._seed = model, graph, calibration, seed
        needed: set[Need] = set().union(*(criteria()[name].needs for name in probes.algorithms))
        self._statistics = (
            collect_statistics(model, graph, dict.fromkeys(layers, needed), calibration.inputs, calibration.labels)
            if needed
            else {}
        )
        self._refused: dict[str, PolicyError | None] = dict.fromkeys(probes.algorithms)
        self._used: set[str] = set()

    def network(self, layer: str, algorithm: str, ratio: float) -> nn.Module | None:
        """The model with one layer pruned; ``None`` where the algorithm cannot."""
        try:
            pruned = self._choose(layer, LayerPolicy(algorithm=algorithm, ratio=ratio))
        except PolicyError as error:
            self._refused[algorithm] = error
            return None
        if pruned is None:
            return None
        self._used.add(algorithm)
        changed = apply_weights(self._model, {layer: pruned})
        if pruned.kept_filters is None:
            return changed
        return mask_layers(changed, self._graph, {layer: pruned.kept_filters}).eval()

    def _choose(self, layer: str, entry: LayerPolicy) -> PrunedLayer | None:
        images, labels = self._calibration.inputs, self._calibration.labels
        alone = Policy(layers={layer: entry})
        chosen = choose_pruning(
            self._model, self._graph, alone, images, labels, self._seed, statistics=self._statistics
        )
        return chosen.get(layer)

    def check_all_used(self) -> None:
        """Raise the last refusal of an algorithm that no layer could be pruned by."""
        for algorithm, refusal in self._refused.items():
            if algorithm not in self._used and refusal is not None:
                raise refusal


class _Rounding:
    """Networks with one quantised layer; batch normalisation is folded in all of them."""

    def __init__(self, model: nn.Module, graph: nx.DiGraph, images: Tensor, seed: int) -> None:
        self._network = fold_batch_norms(model, graph)
        take_attention_apart(self._network, graph)
        self._images, self._seed = images, seed
        self._signed = signed_inputs(graph)
        self._normalised = {layer for layer, _ in foldable_pairs(self._network, graph)}
        self._seen: dict[str, Histogram] = observe_inputs(
            self._network, list(quantizable_layers(self._network)), images
        )

    def input_of(self, layer: str) -> Tensor:
        """What a layer reads of the calibration images the first time that it runs."""
        read: list[Tensor] = []
        with input_hooks(self._network, [layer], lambda _, x: read.append(x)), torch.inference_mode():
            self._network(self._images)
        return read[0]

    @contextmanager
    def network(self, layer: str, read: Tensor, w_bits: int, a_bits: int) -> Iterator[nn.Module]:
        """The network with one layer quantised, while the context is open."""
        plain = cast(nn.Conv2d | nn.Linear, self._network.get_submodule(layer))
        grid = activation_grid(
            _SWITCHES.activation_range, self._seen[layer], Target(a_bits, self._signed.get(layer, True))
        )
        fit = LayerFit(plain, w_bits, grid, layer in self._normalised)
        with torch.inference_mode():
            rounded = fit_layer(fit, _SWITCHES, read, plain(read), torch.Generator().manual_seed(self._seed))
        self._network.set_submodule(layer, rounded)
        try:
            yield self._network
        finally:
            self._network.set_submodule(layer, plain)


_SWITCHES = Quantization()
"""What a policy does unless it says otherwise; without equalisation, so that one layer changes."""
