"""Batch normalisation as part of the layer in front of it."""

from __future__ import annotations

import copy

import networkx as nx
import torch
from torch import Tensor, nn

from compress.accuracy import batch_workers

__all__ = ["fold_batch_norms", "foldable_pairs"]


def fold_batch_norms(model: nn.Module, graph: nx.DiGraph) -> nn.Module:
    """A copy in evaluation mode whose convolutions and linear layers carry the batch normalisations behind them.

    ``W' = g·W``, ``b' = g·(b - mean) + beta`` with ``g = gamma / sqrt(variance + eps)`` (Jacob et al., 2018). A batch
    normalisation is folded if it alone reads the layer's output and both modules run once; it becomes
    ``nn.Identity``. Others (DenseNet's, in front of the convolution) stay.

    Args:
        model: is not changed.
        graph: its layer graph.

    >>> from compress.graph.trace import layer_graph
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8))
    >>> fold_batch_norms(model, layer_graph(model, (3, 8, 8)))
    Sequential(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
    )
    """
    folded = copy.deepcopy(model).eval()

    def fold(pair: tuple[str, str]) -> None:
        layer, norm = (folded.get_submodule(name) for name in pair)
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            _fold(layer, norm)
            folded.set_submodule(pair[1], nn.Identity())

    with batch_workers(torch.device("cpu")) as workers:
        list(workers.map(fold, foldable_pairs(folded, graph)))
    return folded


def foldable_pairs(model: nn.Module, graph: nx.DiGraph) -> list[tuple[str, str]]:
    """(layer, batch normalisation) by module path; of a folded network too, whose identities count as folded."""
    runs: dict[str, int] = {}
    for _, module in graph.nodes(data="module"):
        runs[module] = runs.get(module, 0) + 1
    pairs = []
    for _, data in graph.nodes(data=True):
        producer = data["operands"][0].producer if data["kind"] == "batch_norm" else None
        if producer is None or graph.out_degree(producer) != 1:
            continue
        layer_name, norm_name = graph.nodes[producer]["module"], data["module"]
        once = runs[layer_name] == 1 and runs[norm_name] == 1
        if once and producer not in {ref.producer for ref in graph.graph["outputs"]} and _fits(model, data, layer_name):
            pairs.append((layer_name, norm_name))
    return pairs


def _fits(model: nn.Module, norm: dict[str, object], layer_name: str) -> bool:
    """Whether both are modules that can be replaced; functions of loose parameters cannot."""
    layer, own = model.get_submodule(layer_name), model.get_submodule(str(norm["module"]))
    if isinstance(own, nn.BatchNorm1d | nn.BatchNorm2d) and own.running_mean is None:
        return False
    if not isinstance(own, nn.BatchNorm1d | nn.BatchNorm2d | nn.Identity):
        return False
    # A batch norm of (batch, length, features) normalises the second axis, which a linear layer does not write last.
    flat = len(norm["output_shapes"][0]) == 2  # type: ignore[index]
    return isinstance(layer, nn.Conv2d) or (isinstance(layer, nn.Linear) and flat)


@torch.no_grad()
def _fold(layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        gain = gain * norm.weight.double()
    shift = -norm.running_mean.double() * gain
    if norm.bias is not None:
        shift = shift + norm.bias.double()
    if layer.bias is not None:
        shift = shift + layer.bias.double() * gain
    weight: Tensor = layer.weight
    weight.copy_(weight.double() * gain.reshape(-1, *[1] * (weight.ndim - 1)))
    layer.bias = nn.Parameter(shift.to(weight.dtype))
