"""Masked models: of the full size, with zeros where filters, input channels or whole channels are dropped."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.structure.plan import alive_channels
from compress.structure.routes import Role, routes
from compress.structure.sets import ChannelSet, channel_sets

__all__ = ["checked_masks", "filter_masks", "mask_channels", "mask_layers"]

Bools = NDArray[np.bool_]
MaskLike = Mapping[str, Tensor | Bools]
"""Layer, as the layer graph names it -> what is kept."""


def mask_layers(
    model: nn.Module, graph: nx.DiGraph, kept_filters: MaskLike, kept_channels: MaskLike | None = None
) -> nn.Module:
    """A copy in which dropped filters and input channels are zero.

    A dropped filter has zero weights and bias, and where batch normalisation reads nothing but zeros its scale and
    shift are zero too. A group of a grouped convolution that reads nothing but zeros is dropped with its bias.

    Args:
        model: whose layer graph it is; not changed.
        kept_filters: layer -> ``(out_channels,)`` bool; layers that are not named keep all.
        kept_channels: layer -> ``(in_channels,)`` bool, likewise; of a grouped convolution, all groups' channels.

    Raises:
        WorkloadError: unknown layer, mask of the wrong length.
    """
    filters, inputs = checked_masks(graph, kept_filters, kept_channels or {})
    masked = copy.deepcopy(model)
    channels = routes(graph)
    alive = alive_channels(graph, channels, filters)
    with torch.no_grad():
        for node, data in graph.nodes(data=True):
            parameters, role = data["parameters"], channels[node].role
            if role is Role.NORM:
                dead = torch.from_numpy(~alive[node])
                for name in ("weight", "bias", "running_mean"):
                    if name in parameters:
                        tensor_of(masked, parameters[name])[dead] = 0
            elif node in filters or node in inputs or role is Role.GROUP:
                kept = alive[node] if role in (Role.MAKE, Role.GROUP) else filters.get(node)
                _mask_layer(masked, data, kept, inputs.get(node))
    return masked


def _mask_layer(model: nn.Module, data: Mapping[str, Any], rows: Bools | None, columns: Bools | None) -> None:
    parameters = data["parameters"]
    weight = tensor_of(model, parameters["weight"])
    if rows is not None:
        dead = torch.from_numpy(~rows)
        weight[dead] = 0
        if "bias" in parameters:
            tensor_of(model, parameters["bias"])[dead] = 0
    if columns is not None:
        groups = data["gemm"].groups
        kept = torch.from_numpy(columns).reshape(groups, -1).repeat_interleave(weight.shape[0] // groups, 0)
        weight *= kept.reshape(*kept.shape, *[1] * (weight.ndim - 2))


def mask_channels(model: nn.Module, graph: nx.DiGraph, removals: Mapping[str, Iterable[int]]) -> nn.Module:
    """A copy in which channels are zero where the layers of their set make or carry them.

    Args:
        removals: name of a set -> its channels that go; see :func:`compress.structure.shrink.remove_channels`.
    """
    return mask_layers(model, graph, filter_masks(graph, removals))


def filter_masks(graph: nx.DiGraph, removals: Mapping[str, Iterable[int]]) -> dict[str, Bools]:
    """Removed channels as kept filters of every producer.

    The last channels of a layer stay: where a removal would take all its filters, the first of the channels that the
    layer has is kept, in all layers of the set.

    Raises:
        WorkloadError: unknown set, a set that may not be pruned (says why), channels out of range.
    """
    sets = {channel_set.name: channel_set for channel_set in channel_sets(graph)}
    kept: dict[str, Bools] = {}
    for name, indices in removals.items():
        gone = sorted(set(indices))
        channel_set = _prunable(sets, name, gone)
        for producer in channel_set.producers:
            has = [channel for channel, own in enumerate(producer.indices) if own]
            whole = sum(map(len, producer.indices)) == _filters(graph, producer.layer)
            if whole and set(has) <= set(gone):
                gone.remove(has[0])
        for producer in channel_set.producers:
            filters = kept.setdefault(producer.layer, np.ones(_filters(graph, producer.layer), dtype=np.bool_))
            for channel in gone:
                filters[list(producer.indices[channel])] = False
    return kept


def _filters(graph: nx.DiGraph, layer: str) -> int:
    view = graph.nodes[layer]["gemm"]
    return int(view.groups * view.n)


def _prunable(sets: Mapping[str, ChannelSet], name: str, indices: list[int]) -> ChannelSet:
    channel_set = sets.get(name)
    if channel_set is None:
        raise WorkloadError(f"channel set {name!r} is not known; allowed: {', '.join(sets)}")
    if not indices:
        return channel_set
    if channel_set.fixed is not None:
        raise WorkloadError(f"channel set {name!r} cannot be pruned: {channel_set.fixed}")
    if not 0 <= indices[0] <= indices[-1] < channel_set.size:
        raise WorkloadError(
            f"channel set {name!r}: channels {indices[0]}..{indices[-1]}: allowed: 0..{channel_set.size - 1}"
        )
    return channel_set


def checked_masks(
    graph: nx.DiGraph, kept_filters: MaskLike, kept_channels: MaskLike
) -> tuple[dict[str, Bools], dict[str, Bools]]:
    """Masks as arrays, their layers and lengths checked."""
    found: tuple[dict[str, Bools], dict[str, Bools]] = ({}, {})
    for what, masks, checked in zip(("filters", "input channels"), (kept_filters, kept_channels), found, strict=True):
        for layer, mask in masks.items():
            if layer not in graph or graph.nodes[layer]["kind"] not in ("conv2d", "linear"):
                raise WorkloadError(
                    f"layer {layer!r} of the masks is no convolution or linear layer of {graph.graph['name']}"
                )
            data = graph.nodes[layer]
            axis = -3 if data["kind"] == "conv2d" else -1
            shape = data["output_shapes"][0] if what == "filters" else data["input_shapes"][0]
            values = np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask, dtype=np.bool_)
            if values.shape != (shape[axis],):
                raise WorkloadError(f"layer {layer!r}: mask of {what} {values.shape}: allowed: ({shape[axis]},)")
            checked[layer] = values
    return found


def tensor_of(model: nn.Module, name: str) -> Tensor:
    """A parameter or buffer by its name in the state dict."""
    owner, _, attribute = name.rpartition(".")
    tensor = getattr(model.get_submodule(owner), attribute)
    assert isinstance(tensor, Tensor)
    return tensor
