"""Real integer operands for a workload: the model runs on images, and what its matrix products read is quantised.

* Static weights: symmetric, per output channel, batch normalisation folded in where the lowering folds it
  (:func:`compress.integer_weights.quantize_rows`).
* Activations, and the second operand of a product of two computed tensors: one scale per tensor from the smallest and
  largest value seen (:func:`compress.calibration.ranges.quantize`); unsigned where the layer says so.

The float model runs; a layer's operands are those of the float network, not what quantised layers before it would
have made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from accel_sim.errors import RunError, WorkloadError
from accel_sim.workload.layers import GemmLayer, Layer, Workload
from compress.calibration.matrices import gemm_matrices
from compress.calibration.ranges import ValueRange, quantize
from compress.graph.lower import workload_from_graph
from compress.graph.operations import Facts
from compress.graph.run import run_model
from compress.graph.trace import layer_graph
from compress.integer_weights import quantize_rows

__all__ = ["Calibration", "LayerScales", "calibrate", "fill_operands"]

RANGE_BATCH = 16
"""Images at a time where only ranges are taken; bounds the memory that a run needs."""


@dataclass(frozen=True)
class LayerScales:
    """What one integer step is worth: ``activation`` per tensor, ``weight (groups, n)`` per output channel.

    ``O ≈ activation · weight · (A · W)`` on the integers; a bias is not in it.
    """

    activation: float
    weight: NDArray[np.floating]


@dataclass(frozen=True)
class Calibration:
    """A workload whose matrix products hold their integers, and the scales that belong to them."""

    workload: Workload
    scales: Mapping[str, LayerScales]


def calibrate(
    model: nn.Module,
    images: Tensor,
    *,
    name: str | None = None,
    a_bits: int = 8,
    w_bits: int = 8,
    batch: int | None = None,
) -> Calibration:
    """Quantise what every matrix product of a model reads, as integers for the simulator.

    Args:
        model: with its parameters, on the CPU; it runs in evaluation mode and is not changed.
        images: ``(images, channels, height, width)``, normalised as the model wants them.
        name: of the workload and in messages; the class's name if left out.
        a_bits, w_bits: widths in every layer, 1 to 16.
        batch: images that the workload runs, the first ones; all if left out. The others only widen the ranges.

    Raises:
        WorkloadError: the model cannot be traced, the images do not fit it, or there are fewer than ``batch``.
    """
    name = name or type(model).__name__
    batch = len(images) if batch is None else batch
    if not 1 <= batch <= len(images):
        raise WorkloadError(f"{name}: a batch of {batch} cannot be taken from {len(images)} images")
    graph = layer_graph(model, images[:batch], name=name)
    return fill_operands(model, graph, workload_from_graph(graph, name, a_bits, w_bits), images, batch)


def fill_operands(model: nn.Module, graph: nx.DiGraph, workload: Workload, images: Tensor, batch: int) -> Calibration:
    """Run a model and put integers into every matrix product of its workload, each in the layer's own widths.

    Args:
        model: float, on the CPU; it runs in evaluation mode and is not changed.
        graph: its layer graph for ``images[:batch]``.
        workload: lowered from that graph.
        images: the first ``batch`` are what the workload runs; the others only widen the ranges.

    Raises:
        WorkloadError: the model cannot be traced, or the images do not fit it.
    """
    ranges = _Ranges()
    for start in range(batch, len(images), RANGE_BATCH):
        run_model(model, images[start : start + RANGE_BATCH], ranges.observe, workload.name)
    capture = _Capture(workload, ranges, _gains(graph, workload, model))
    run_model(model, images[:batch], capture.observe, workload.name)
    return Calibration(replace(workload, layers=capture.layers()), capture.scales)


class _Ranges:
    """Ranges of every product's operands over the batches seen so far."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], ValueRange] = {}

    def observe(self, node: str, facts: Facts, operands: Sequence[Tensor]) -> None:
        for position, (ref, tensor) in enumerate(zip(facts.operands, operands, strict=True)):
            if not ref.constant:
                self.widen(node, position, tensor)

    def widen(self, node: str, position: int, tensor: Tensor) -> ValueRange:
        """The range of one operand with this batch included."""
        here, before = ValueRange.of(tensor), self._seen.get((node, position))
        self._seen[node, position] = here if before is None else before.joined(here)
        return self._seen[node, position]


class _Capture:
    """Quantises operands as they pass; only the integers are kept."""

    def __init__(self, workload: Workload, ranges: _Ranges, gains: Mapping[str, NDArray[np.floating]]) -> None:
        self._workload, self._ranges, self._gains = workload, ranges, gains
        self._wanted = {layer.name: layer for layer in workload.layers if isinstance(layer, GemmLayer)}
        self._filled: dict[str, GemmLayer] = {}
        self.scales: dict[str, LayerScales] = {}

    def observe(self, node: str, facts: Facts, operands: Sequence[Tensor]) -> None:
        layer, view = self._wanted.get(node), facts.gemm
        if layer is None or view is None:  # a product that no output depends on
            return
        matrices = gemm_matrices(facts, operands)
        seen = self._ranges.widen(node, view.activation, operands[view.activation])
        activations = quantize(matrices.activations, seen, layer.a_bits, signed=layer.a_signed)
        if layer.static_weights:
            weights, scales = self._static_weights(layer, matrices.weights)
        else:
            seen = self._ranges.widen(node, view.weight, operands[view.weight])
            weights, scale = quantize(matrices.weights, seen, layer.w_bits, signed=layer.w_signed)
            scales = np.full((layer.groups, layer.n), scale)
        self._filled[node] = replace(
            layer,
            activations=np.ascontiguousarray(activations.integers),
            weights=np.ascontiguousarray(weights),
        )
        self.scales[node] = LayerScales(activations.scale, scales)

    def _static_weights(self, layer: GemmLayer, weights: Tensor) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
        rows = weights.transpose(1, 2).reshape(layer.groups * layer.n, layer.k).detach().numpy()
        integers, scales = quantize_rows(rows, layer.w_bits, self._gains.get(layer.name))
        by_group = integers.reshape(layer.groups, layer.n, layer.k).transpose(0, 2, 1)
        return by_group, scales.reshape(layer.groups, layer.n)

    def layers(self) -> tuple[Layer, ...]:
        """The workload's layers, every matrix product with its integers."""
        missing = [name for name in self._wanted if name not in self._filled]
        if missing:
            raise RunError(f"{self._workload.name}: layer {missing[0]} did not run, though the layer graph has it")
        return tuple(self._filled.get(layer.name, layer) for layer in self._workload.layers)


def _gains(graph: nx.DiGraph, workload: Workload, model: nn.Module) -> dict[str, NDArray[np.floating]]:
    """Gain per output channel, ``gamma / sqrt(variance + eps)``, of every batch normalisation that is folded."""
    kept = {layer.name for layer in workload.layers}
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    gains: dict[str, NDArray[np.floating]] = {}
    for node, data in graph.nodes(data=True):
        if data["kind"] == "batch_norm" and node not in kept:
            gains[data["operands"][0].producer] = _gain(data, state)
    return gains


def _gain(data: Mapping[str, Any], state: Mapping[str, Tensor]) -> NDArray[np.floating]:
    names = data["parameters"]
    deviation = (state[names["running_var"]].double() + data["attributes"]["eps"]).sqrt()
    gain = state[names["weight"]].double() / deviation if "weight" in names else 1 / deviation
    values: NDArray[np.floating] = gain.detach().numpy()
    return values
