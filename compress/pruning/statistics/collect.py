"""Statistics of chosen layers over calibration images, in one pass over the images beside that of the input moments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import DataError, WorkloadError
from compress.pruning.criterion import LayerStatistics, Need
from compress.pruning.input_moments import collect_input_moments
from compress.pruning.statistics.accumulators import OutputActivity, OutputRanks, TaylorSums
from compress.pruning.statistics.observed_model import ObservedModel, only_these_learn
from compress.pruning.statistics.output_point import output_point, per_image

__all__ = ["collect_statistics"]


def collect_statistics(
    model: nn.Module,
    graph: nx.DiGraph,
    needs: Mapping[str, Collection[Need]],
    images: Tensor,
    labels: Tensor | None = None,
    batch: int = 64,
) -> dict[str, LayerStatistics]:
    """What calibration images say about layers: only what is asked for, each layer by its name in the layer graph.

    Where a layer's output is looked at, :mod:`compress.pruning.statistics.output_point` says. Ranks are taken on the
    first :data:`~compress.pruning.statistics.accumulators.RANK_IMAGES` images, input moments on positions that
    :mod:`compress.pruning.input_moments` chooses, everything else on all images and positions. The loss is the
    cross-entropy; a weight that several layers share has the gradient of all its uses.

    Args:
        model: runs in evaluation mode, as it is: mode, gradients and ``requires_grad`` are the same afterwards.
        graph: the model's, of :func:`compress.graph.trace.layer_graph`.
        needs: layer -> what is asked for.
        images: ``(images, channels, height, width)``, normalised as the model wants them, on its device.
        labels: ``(images,)`` integers; the class that the model itself finds most likely if left out.
        batch: images at a time; bounds the memory that a run needs, and changes nothing but rounding.

    Returns:
        Layer -> statistics, float64 on the images' device.

    Raises:
        PolicyError: a name that is no layer, or no convolution or linear layer.
        DataError: no images, or labels that do not fit them or the model's classes.
        WorkloadError: the model cannot be traced, the images do not fit it, or, for gradients, its output is not
            ``(images, classes)``.
    """
    points = {layer: output_point(graph, layer) for layer in needs}
    _check(images, labels, batch)
    wanted = {need: [layer for layer in needs if need in needs[layer]] for need in Need}
    fields: dict[str, dict[str, Any]] = {layer: {} for layer in needs}
    passing = [layer for layer in needs if set(needs[layer]) - {Need.INPUT_MOMENTS}]
    if passing:
        collectors = [_collector(graph, layer, points[layer], set(needs[layer])) for layer in passing]
        gradients = _gradients_over(model, graph, wanted[Need.GRADIENTS], collectors, images, labels, batch)
        for layer, gradient in gradients.items():
            fields[layer]["weight_gradients"] = gradient
        for collector in collectors:
            for part in (*collector.parts, *collector.taylor):
                fields[collector.layer].update(part.fields())
    if wanted[Need.INPUT_MOMENTS]:
        moments = collect_input_moments(model, wanted[Need.INPUT_MOMENTS], images, batch)
        for layer in wanted[Need.INPUT_MOMENTS]:
            fields[layer].update(input_moments=moments[layer].moments, input_means=moments[layer].means)
    return {layer: LayerStatistics(**found) for layer, found in fields.items()}


@dataclass(frozen=True)
class _Collector:
    """What one layer's output feeds."""

    layer: str
    kind: str
    point: str
    parts: Sequence[OutputActivity | OutputRanks]
    taylor: Sequence[TaylorSums]

    def take(self, output: Tensor, images: int) -> None:
        """Read an output at once; its gradient when it comes."""
        values = per_image(output.detach(), self.kind, images)
        for part in self.parts:
            part.add(values)
        for sums in self.taylor:
            output.register_hook(self._on_gradient(sums, output.detach().clone(), images))  # type: ignore[no-untyped-call]

    def _on_gradient(self, sums: TaylorSums, output: Tensor, images: int) -> Callable[[Tensor], None]:
        def add(gradient: Tensor) -> None:
            sums.add(per_image(gradient * output, self.kind, images))

        return add


def _collector(graph: nx.DiGraph, layer: str, point: str, needs: set[Need]) -> _Collector:
    parts: list[OutputActivity | OutputRanks] = []
    if Need.OUTPUT_ACTIVITY in needs:
        parts.append(OutputActivity())
    if Need.OUTPUT_RANKS in needs:
        parts.append(OutputRanks())
    taylor = [TaylorSums()] if Need.GRADIENTS in needs else []
    return _Collector(layer, graph.nodes[layer]["kind"], point, parts, taylor)


def _gradients_over(
    model: nn.Module,
    graph: nx.DiGraph,
    layers: Sequence[str],
    collectors: Sequence[_Collector],
    images: Tensor,
    labels: Tensor | None,
    batch: int,
) -> dict[str, Tensor]:
    """Run all images past the collectors; the mean gradient of the loss by the weight of each of ``layers``."""
    by_name = dict(model.named_parameters())
    weights = [by_name[graph.nodes[layer]["parameters"]["weight"]] for layer in layers]
    sums = [torch.zeros_like(weight, dtype=torch.float64, requires_grad=False) for weight in weights]
    observed = ObservedModel(model)
    with only_these_learn(model, weights):
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            logits = observed.run(part, _observer(collectors, len(part)), gradients=bool(weights))
            if weights:
                loss = _loss(logits, None if labels is None else labels[start : start + batch], len(part))
                for total, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
                    total += gradient
    return {layer: total / len(images) for layer, total in zip(layers, sums, strict=True)}


def _observer(collectors: Sequence[_Collector], images: int) -> Callable[[str, Tensor], None]:
    by_point: dict[str, list[_Collector]] = {}
    for collector in collectors:
        by_point.setdefault(collector.point, []).append(collector)

    def observe(node: str, output: Tensor) -> None:
        for collector in by_point.get(node, ()):
            collector.take(output, images)

    return observe


def _loss(logits: Tensor, labels: Tensor | None, images: int) -> Tensor:
    """The sum over images, so that each image's part is its own loss."""
    if logits.ndim != 2 or len(logits) != images:
        raise WorkloadError(
            f"gradients need a classifier: the model's output is {tuple(logits.shape)}; allowed: ({images}, classes)"
        )
    if labels is None:
        labels = logits.detach().argmax(1)
    classes = logits.shape[1]
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(f"labels: go from {low} to {high}; allowed: 0 to {classes - 1}, the model's classes")
    with torch.enable_grad():
        return functional.cross_entropy(logits, labels.to(logits.device, torch.long), reduction="sum")


def _check(images: Tensor, labels: Tensor | None, batch: int) -> None:
    if not len(images):
        raise DataError("calibration images: there are none; allowed: at least one")
    if batch < 1:
        raise DataError(f"calibration images: a batch of {batch}; allowed: from 1")
    if labels is not None and tuple(labels.shape) != (len(images),):
        raise DataError(f"labels: have shape {tuple(labels.shape)}; allowed: ({len(images)},), one for each image")
    if labels is not None and (labels.is_floating_point() or labels.is_complex()):
        raise DataError(f"labels: are {labels.dtype}; allowed: integers")
