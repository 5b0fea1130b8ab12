"""Cross-layer equalisation: channels between two layers scaled so that both layers' weights have like ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor, nn

from compress.quantization.fold import foldable_pairs

__all__ = ["LayerPair", "equalise", "neighbouring_layers", "rescale"]

HOMOGENEOUS = frozenset(["relu", "identity", "dropout", "max_pool2d", "avg_pool2d", "adaptive_avg_pool"])
"""What may stand between the layers: channel by channel, ``f(s·x) = s·f(x)`` for s > 0. ReLU6, hard swish, SiLU and
GELU are not of that kind; layers around them are left as they are."""
ROUNDS = 20
"""Passes over all pairs; chains of layers settle within a few."""


@dataclass(frozen=True)
class LayerPair:
    """Two layers by module name: the second alone reads what the first writes."""

    first: str
    second: str


def neighbouring_layers(model: nn.Module, graph: nx.DiGraph) -> list[LayerPair]:
    """The pairs of a folded network that can be equalised."""
    folded = {norm for _, norm in foldable_pairs(model, graph)}
    pairs = []
    for node, data in graph.nodes(data=True):
        if data["kind"] not in ("conv2d", "linear") or not _is_layer(model, data["module"]):
            continue
        reader = _reader(graph, node, folded)
        if reader is not None and _is_layer(model, graph.nodes[reader]["module"]):
            pair = LayerPair(data["module"], graph.nodes[reader]["module"])
            same_kind = data["kind"] == graph.nodes[reader]["kind"]
            if same_kind and _runs_once(graph, pair.first) and _runs_once(graph, pair.second):
                pairs.append(pair)
    return pairs


def _is_layer(model: nn.Module, name: str) -> bool:
    return isinstance(model.get_submodule(name), nn.Conv2d | nn.Linear)


def _runs_once(graph: nx.DiGraph, name: str) -> bool:
    return [module for _, module in graph.nodes(data="module")].count(name) == 1


def _reader(graph: nx.DiGraph, node: str, folded: set[str]) -> str | None:
    """The only layer that reads a node's output, through homogeneous functions; ``None`` if there is none."""
    outputs = {ref.producer for ref in graph.graph["outputs"]}
    while True:
        if node in outputs or graph.out_degree(node) != 1:
            return None
        (node,) = graph.successors(node)
        data = graph.nodes[node]
        if data["kind"] in ("conv2d", "linear"):
            return node if data["operands"][1].constant else None
        if data["kind"] not in HOMOGENEOUS and not (data["kind"] == "batch_norm" and data["module"] in folded):
            return None


@torch.no_grad()
def equalise(model: nn.Module, pairs: Sequence[LayerPair]) -> list[tuple[LayerPair, Tensor]]:
    """Equalise in place; the network's function stays what it is.

    ``s = sqrt(r₁ / r₂)`` with r the largest magnitude of the channel's weights in the first layer (as output) and
    in the second (as input); the first layer is divided by s, the second multiplied (Nagel et al., 2019, section 4.1).

    Returns:
        Each pair and what its channels were divided by, ``(channels,)``, for :func:`rescale` on another network.
    """
    total: dict[LayerPair, Tensor] = {}
    for _ in range(ROUNDS):
        for pair in pairs:
            first = _rows(model, pair.first).abs().amax(1)
            second = _input_magnitudes(model, pair.second, len(first))
            both = (first > 0) & (second > 0)
            factors = torch.where(both, (first / second.clamp(min=1e-30)).sqrt(), 1.0)
            rescale(model, pair, factors)
            total[pair] = total[pair] * factors if pair in total else factors
    return list(total.items())


@torch.no_grad()
def rescale(model: nn.Module, pair: LayerPair, factors: Tensor) -> None:
    """Divide the first layer's output channels by factors and multiply the second's input channels, in place."""
    first, second = model.get_submodule(pair.first), model.get_submodule(pair.second)
    assert isinstance(first, nn.Conv2d | nn.Linear)
    assert isinstance(second, nn.Conv2d | nn.Linear)
    first.weight.div_(factors.reshape(-1, *[1] * (first.weight.ndim - 1)))
    if first.bias is not None:
        first.bias.div_(factors)
    by_group = _by_group(second, second.weight)
    by_group.mul_(factors.reshape(by_group.shape[0], 1, by_group.shape[2], 1))


def _rows(model: nn.Module, name: str) -> Tensor:
    weight = model.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight.flatten(1)


def _by_group(layer: nn.Conv2d | nn.Linear, weight: Tensor) -> Tensor:
    """A view ``(groups, n, inputs of the group, taps)``."""
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    return weight.view(groups, weight.shape[0] // groups, weight.shape[1], -1)


def _input_magnitudes(model: nn.Module, name: str, channels: int) -> Tensor:
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    return _by_group(layer, layer.weight).abs().amax((1, 3)).reshape(channels)
