"""What a policy prunes: the kept weights of every layer and their new values, chosen on the float network."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor, nn

from compress.accuracy import batch_workers
from compress.policy.load import AlgorithmForm
from compress.policy.schema import Policy
from compress.pruning.block.criterion import BlockCriterion
from compress.pruning.criterion import Criterion, Granularity, LayerStatistics, Need, PrunableLayer, pruned_count
from compress.pruning.joint import joint_filters, layers_of_outputs
from compress.pruning.n_m.criterion import NmCriterion
from compress.pruning.registry import criteria, make_criterion
from compress.pruning.statistics import collect_statistics

__all__ = ["PrunedLayer", "algorithm_forms", "apply_weights", "choose_pruning", "prunable_layers", "ratio_warnings"]


@dataclass(frozen=True)
class PrunedLayer:
    """What becomes of one layer.

    Attributes:
        algorithm, granularity: what chose.
        mask: bool in the weight's shape, True where a weight is kept.
        weight: the new values, zero where the mask is False.
        groups: of the convolution; 1 for a linear layer.
    """

    algorithm: str
    granularity: Granularity
    mask: Tensor
    weight: Tensor
    groups: int

    @property
    def kept_filters(self) -> Tensor | None:
        """``(out_channels,)`` bool where filters were pruned."""
        return self.mask.flatten(1).any(1) if self.granularity is Granularity.FILTER else None

    @property
    def kept_channels(self) -> Tensor | None:
        """``(in_channels,)`` bool where input channels were pruned, those of all groups one behind the other."""
        if self.granularity is not Granularity.CHANNEL:
            return None
        per_filter = self.mask.flatten(2).any(2) if self.mask.ndim > 2 else self.mask
        return per_filter.reshape(self.groups, -1, per_filter.shape[1]).any(1).flatten()


def prunable_layers(model: nn.Module, graph: nx.DiGraph) -> dict[str, nn.Conv2d | nn.Linear]:
    """The convolution and linear modules that run, by their name in the layer graph, in the order in which they do."""
    modules = dict(model.named_modules())
    found = {}
    for node, kind in graph.nodes(data="kind"):
        module = modules.get(node)
        if kind in ("conv2d", "linear") and isinstance(module, nn.Conv2d | nn.Linear):
            found[node] = module
    return found


def algorithm_forms() -> dict[str, AlgorithmForm]:
    """Every pruning algorithm by name, and what it is told beside the layer."""
    return {name: _form(criterion) for name, criterion in sorted(criteria().items()) if name != "none"}


def _form(criterion: type[Criterion]) -> AlgorithmForm:
    if issubclass(criterion, NmCriterion):
        return AlgorithmForm("n_m", takes_ratio=False)
    return AlgorithmForm("block" if issubclass(criterion, BlockCriterion) else None)


def choose_pruning(
    model: nn.Module,
    graph: nx.DiGraph,
    policy: Policy,
    images: Tensor,
    labels: Tensor | None = None,
    seed: int = 0,
    statistics: Mapping[str, LayerStatistics] | None = None,
) -> dict[str, PrunedLayer]:
    """Masks and weights of every layer that the policy prunes, all chosen on the network as it is.

    Args:
        model: float, batch normalisation not folded; it is not changed.
        graph: its layer graph.
        images, labels: for the algorithms that look at activations or gradients; without labels the gradients are
            those of the model's own answers.
        seed: of the algorithms that draw.
        statistics: what was collected on the images before, at least what the algorithms need; else it is collected.

    Raises:
        PolicyError: an algorithm that cannot prune a layer.
    """
    layers = prunable_layers(model, graph)
    chosen = _criteria(graph, layers, policy)
    needs: dict[str, Collection[Need]] = {name: one.needs for name, one in chosen.items() if one.needs}
    if statistics is None:
        statistics = collect_statistics(model, graph, needs, images, labels) if needs else {}
    scales = _batch_norm_scales(model, graph)
    seen = {name: _as_prunable(name, layers[name], scales, statistics, seed) for name in chosen}
    joint = joint_filters(graph, policy, chosen, seen) if policy.coupling == "joint" else {}

    def prune(name: str) -> PrunedLayer:
        criterion, layer = chosen[name], seen[name]
        mask = _whole_filters(joint[name], layer) if name in joint else criterion.mask(layer, policy.of(name).ratio)
        weight = criterion.update(layer, mask)
        return PrunedLayer(criterion.name, criterion.granularity, mask, weight, layer.groups)

    with batch_workers(torch.device("cpu")) as workers:
        return dict(zip(chosen, workers.map(prune, chosen), strict=True))


def ratio_warnings(model: nn.Module, graph: nx.DiGraph, policy: Policy) -> tuple[str, ...]:
    """A sentence for every layer whose ratio is not met: one that it would empty, or that makes the answers."""
    warnings = []
    answers = layers_of_outputs(graph)
    for name, layer in prunable_layers(model, graph).items():
        entry = policy.of(name)
        if not entry.ratio:
            continue
        granularity = criteria()[entry.algorithm].granularity
        if granularity is Granularity.FILTER and name in answers:
            warnings.append(f"{name}: its outputs are the network's answers; no filter is removed")
            continue
        count, unit = _candidates(granularity, layer)
        if int(entry.ratio * count + 0.5) > pruned_count(entry.ratio, count):
            warnings.append(f"{name}: a ratio of {entry.ratio:g} would remove all {count} {unit}s; one is kept")
    return tuple(warnings)


def _candidates(granularity: Granularity, layer: nn.Conv2d | nn.Linear) -> tuple[int, str]:
    """How many of what a ratio is of."""
    if granularity is Granularity.FILTER:
        return layer.weight.shape[0], "filter"
    if granularity is Granularity.CHANNEL:
        return layer.weight.shape[1], "channel"
    return layer.weight.numel(), "weight"


def _criteria(graph: nx.DiGraph, layers: Collection[str], policy: Policy) -> dict[str, Criterion]:
    """What prunes each layer that is pruned; filters that are the network's answers stay."""
    wanted = {name: make_criterion(policy.of(name)) for name in layers if _prunes(policy, name)}
    if not any(one.granularity is Granularity.FILTER for one in wanted.values()):
        return wanted
    answers = layers_of_outputs(graph)
    return {
        name: one for name, one in wanted.items() if one.granularity is not Granularity.FILTER or name not in answers
    }


def _whole_filters(kept: Tensor, layer: PrunableLayer) -> Tensor:
    return kept.reshape(-1, *[1] * (layer.weight.ndim - 1)).expand_as(layer.weight)


def _prunes(policy: Policy, name: str) -> bool:
    entry = policy.of(name)
    return entry.algorithm != "none" and (entry.ratio > 0 or entry.n_m is not None)


def _as_prunable(
    name: str,
    layer: nn.Conv2d | nn.Linear,
    scales: Mapping[str, Tensor],
    statistics: Mapping[str, LayerStatistics],
    seed: int,
) -> PrunableLayer:
    return PrunableLayer(
        name=name,
        weight=layer.weight.detach().float(),
        groups=layer.groups if isinstance(layer, nn.Conv2d) else 1,
        batch_norm_scale=scales.get(name),
        statistics=statistics.get(name, LayerStatistics()),
        # every layer draws for itself, whatever else is pruned
        seed=zlib.crc32(f"{seed}:{name}".encode()),
    )


def _batch_norm_scales(model: nn.Module, graph: nx.DiGraph) -> dict[str, Tensor]:
    """Layer -> gamma of the batch normalisation that reads its output."""
    parameters = dict(model.named_parameters())
    scales = {}
    for _, data in graph.nodes(data=True):
        if data["kind"] == "batch_norm" and "weight" in data["parameters"]:
            producer = data["operands"][0].producer
            scales[producer] = parameters[data["parameters"]["weight"]].detach().float()
    return scales


def apply_weights(model: nn.Module, pruned: Mapping[str, PrunedLayer]) -> nn.Module:
    """A copy of the model with the new weights."""
    changed = copy.deepcopy(model)
    with torch.no_grad():
        for name, layer in pruned.items():
            weight: Tensor = changed.get_submodule(name).weight  # type: ignore[assignment]
            weight.copy_(layer.weight)
    return changed
