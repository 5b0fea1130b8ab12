"""A policy applied to a network: pruned, smaller where structures go, quantised; without training.

The steps, each a function from models to models: masks and new weights are chosen on the float network; what is pruned
by whole filters or channels is taken out; batch normalisation is folded, ranges are taken and weights rounded, with the
repairs that the policy asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
from torch import Tensor, nn

from accel_sim.workload.layers import Workload
from compress.graph.trace import layer_graph
from compress.layer_report import LayerReport, report_layers
from compress.policy.load import PolicyFile, check_policy
from compress.policy.schema import Policy
from compress.pruning.criterion import Granularity
from compress.pruning.prune import (
    PrunedLayer,
    algorithm_forms,
    apply_weights,
    choose_pruning,
    prunable_layers,
    ratio_warnings,
)
from compress.quantization import quantize_model
from compress.quantization.reference import Reference
from compress.structure.shrink import kept_outputs, shrink

__all__ = ["CompressedModel", "RemovedStructures", "compress_model"]


@dataclass(frozen=True)
class RemovedStructures:
    """Layer -> bool, what of its output and input channels is kept; layers that keep all are left out."""

    kept_filters: Mapping[str, Tensor]
    kept_channels: Mapping[str, Tensor]


@dataclass(frozen=True)
class CompressedModel:
    """A network after a policy.

    Attributes:
        model: runs like the original; every convolution and linear layer computes on integers (fake-quantised), or in
            floating point where the policy does not quantise.
        pruned: the pruned float network that it was quantised from.
        graph: layer graph of ``pruned``.
        policy: what was applied, every layer spelled out.
        removed: whole filters and channels that went, per layer of the original.
        layers: what changed, layer by layer.
        warnings: one sentence for each ratio that could not be met.
    """

    model: nn.Module
    pruned: nn.Module
    graph: nx.DiGraph
    policy: Policy
    removed: RemovedStructures
    layers: tuple[LayerReport, ...]
    warnings: tuple[str, ...] = ()

    def workload(self, images: Tensor, name: str = "compressed") -> Workload:
        """What a machine runs: every layer with its masked integer weights and the activations of ``images``.

        Args:
            images: ``(batch, channels, height, width)``, normalised as the model wants them.
            name: of the workload.

        Raises:
            PolicyError: the policy leaves the network in floating point.
        """
        from compress.compressed_workload import compressed_workload

        return compressed_workload(self, images, name)


def compress_model(
    model: nn.Module, policy: Policy | PolicyFile, images: Tensor, labels: Tensor | None = None, *, seed: int = 0
) -> CompressedModel:
    """Apply a policy; the same model, policy, images and seed give the same result.

    Args:
        model: float, on the CPU; it is not changed.
        policy: per layer, see :class:`compress.policy.Policy`; from a file, messages say where in it.
        images: ``(images, channels, height, width)`` for calibration, normalised as the model wants them; never those
            that accuracy is reported on.
        labels: ``(images,)`` of gradient-based algorithms; without them the model's own answers serve.
        seed: of the algorithms that draw.

    Raises:
        PolicyError: the policy does not fit the network, or an algorithm a layer.
        WorkloadError: the model cannot be traced, or the images do not fit it.
    """
    graph = layer_graph(model, images[:1])
    layers = prunable_layers(model, graph)
    wanted, document = (policy.policy, policy.document) if isinstance(policy, PolicyFile) else (policy, None)
    check_policy(wanted, layers, algorithm_forms(), document)
    resolved = wanted.model_copy(update={"layers": {name: wanted.of(name) for name in layers}})
    chosen = choose_pruning(model, graph, resolved, images, labels, seed)
    removed = _removed(chosen)
    small = _smaller(apply_weights(model, chosen), graph, removed)
    small_graph = layer_graph(small, images[:1]) if removed.kept_filters or removed.kept_channels else graph
    # repairs bring the outputs of what is left back to those before pruning
    reference = Reference(model, kept_outputs(graph, removed.kept_filters, removed.kept_channels))
    quantised = quantize_model(small, small_graph, images, resolved, reference=reference, masks=_masks(small, chosen))
    return CompressedModel(
        model=_described_like(model, quantised),
        pruned=small,
        graph=small_graph,
        policy=resolved,
        removed=removed,
        layers=report_layers(layers, prunable_layers(small, small_graph), quantised, resolved),
        warnings=ratio_warnings(model, graph, resolved),
    )


def _removed(chosen: Mapping[str, PrunedLayer]) -> RemovedStructures:
    return RemovedStructures(
        kept_filters={name: one.kept_filters for name, one in chosen.items() if one.kept_filters is not None},
        kept_channels={name: one.kept_channels for name, one in chosen.items() if one.kept_channels is not None},
    )


def _smaller(model: nn.Module, graph: nx.DiGraph, removed: RemovedStructures) -> nn.Module:
    """The model without what is gone; itself where nothing is."""
    if not removed.kept_filters and not removed.kept_channels:
        return model
    return _described_like(model, shrink(model, graph, removed.kept_filters, removed.kept_channels))


def _described_like(model: nn.Module, changed: nn.Module) -> nn.Module:
    """``changed`` with what ``model`` says of the images that it takes (a traced copy has lost it)."""
    for name in ("input_shape", "normalisation"):
        if hasattr(model, name):
            setattr(changed, name, getattr(model, name))
    return changed


def _masks(small: nn.Module, chosen: Mapping[str, PrunedLayer]) -> dict[str, Tensor]:
    """Layer -> what is not zero, where something was pruned that is still there: those zeros stay through all repairs.

    Single weights and blocks always are; filters and channels where they could not be taken out.
    """
    structured = (Granularity.FILTER, Granularity.CHANNEL)
    masks = {}
    for name, pruned in chosen.items():
        layer = small.get_submodule(name)
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        mask = layer.weight != 0
        if pruned.granularity in structured:
            mask = _rows_and_columns(mask, layer.groups if isinstance(layer, nn.Conv2d) else 1)
        if pruned.granularity not in structured or not bool(mask.all()):
            masks[name] = mask
    return masks


def _rows_and_columns(mask: Tensor, groups: int) -> Tensor:
    """False in filters and input channels that are zero as a whole; other zeros may be as they were trained."""
    by_group = mask.reshape(groups, -1, mask.shape[1], mask[0, 0].numel()).any(3)
    kept = by_group.any(2, keepdim=True) & by_group.any(1, keepdim=True)
    return kept.reshape(*mask.shape[:2], *[1] * (mask.ndim - 2)).expand_as(mask)
