"""Filters of layers that share channels, chosen together: a channel goes from all of them or from none."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
import torch
from torch import Tensor

from accel_sim.errors import PolicyError
from compress.policy.schema import LayerPolicy, Policy
from compress.pruning.criterion import Criterion, FilterCriterion, PrunableLayer, keep_largest
from compress.structure.sets import ChannelSet, channel_sets

__all__ = ["OUTPUT_OF_THE_NETWORK", "joint_filters", "layers_of_outputs"]

OUTPUT_OF_THE_NETWORK = "output of the network"


def layers_of_outputs(graph: nx.DiGraph) -> frozenset[str]:
    """Layers whose filters are the network's answers, which no policy removes."""
    sets = [one for one in channel_sets(graph) if one.fixed == OUTPUT_OF_THE_NETWORK]
    return frozenset(member.layer for one in sets for member in one.producers)


def joint_filters(
    graph: nx.DiGraph, policy: Policy, chosen: Mapping[str, Criterion], layers: Mapping[str, PrunableLayer]
) -> dict[str, Tensor]:
    """Layer -> ``(out_channels,)`` bool, for every set of channels whose layers are pruned by filters.

    A channel's score is the sum over its layers of their score for it, each layer's divided by its mean, so that all
    have the same say; exactly ``pruned_count(ratio, channels)`` channels of a set go, of equal scores the lowest index
    first. Sets that cannot lose channels (:attr:`ChannelSet.fixed`) keep them all.

    Args:
        chosen: layers that are pruned, with their criteria.
        layers: the same as their criteria see them.

    Raises:
        PolicyError: layers that share channels have different algorithms or ratios.
    """
    filters = {name: one for name, one in chosen.items() if isinstance(one, FilterCriterion)}
    kept: dict[str, Tensor] = {}
    for one in channel_sets(graph):
        # grouped convolutions carry the channels of others: they follow, and need no entry of their own
        followers = {member.layer for member in one.consumers}
        leaders = [member.layer for member in one.producers if member.layer not in followers]
        if not any(name in filters for name in leaders):
            continue
        entry = _common_entry(policy, leaders)
        stays = torch.ones(one.size, dtype=torch.bool)
        if one.prunable:
            stays = keep_largest(_scores(one, filters, layers), entry.ratio)
        for member in one.producers:
            if member.layer not in filters:
                continue
            mask = torch.ones(layers[member.layer].weight.shape[0], dtype=torch.bool)
            for channel, indices in enumerate(member.indices):
                mask[list(indices)] = bool(stays[channel])
            kept[member.layer] = mask & kept.get(member.layer, mask)
    return kept


def _common_entry(policy: Policy, members: list[str]) -> LayerPolicy:
    first = policy.of(members[0])
    for name in members[1:]:
        other = policy.of(name)
        if (other.algorithm, other.ratio) != (first.algorithm, first.ratio):
            raise PolicyError(
                f"layers.{name}: holds {other.algorithm} {other.ratio:g}, and {members[0]}, whose channels it shares, "
                f"{first.algorithm} {first.ratio:g}; allowed with coupling joint: the same"
            )
    return first


def _scores(one: ChannelSet, filters: Mapping[str, FilterCriterion], layers: Mapping[str, PrunableLayer]) -> Tensor:
    total = torch.zeros(one.size, dtype=torch.float64)
    for member in one.producers:
        if member.layer not in filters:
            continue
        scores = filters[member.layer].scores(layers[member.layer]).double()
        scores = scores / scores.mean().clamp_min(1e-300)
        total += torch.stack([scores[list(indices)].sum() for indices in member.indices])
    return total
