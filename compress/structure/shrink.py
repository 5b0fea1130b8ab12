"""Networks that are really smaller: whole channels removed, or filters and input channels of single layers.

Both give an ordinary model of smaller modules (a traced one, in evaluation mode) whose layers keep their names, and
whose outputs are those of the masked model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

from compress.structure.attention import HeadAttention, attentions
from compress.structure.masks import MaskLike, checked_masks, filter_masks, mask_layers
from compress.structure.plan import make_plan
from compress.structure.routes import Role
from compress.structure.surgery import carry_out

__all__ = ["kept_outputs", "remove_channels", "shrink"]


def shrink(
    model: nn.Module, graph: nx.DiGraph, kept_filters: MaskLike, kept_channels: MaskLike | None = None
) -> nn.Module:
    """A smaller model that equals :func:`compress.structure.masks.mask_layers`, each layer masked by itself.

    A channel that is zero wherever it is made is removed everywhere. A filter that one layer drops while another keeps
    its channel (a residual sum) is dropped from that layer, and its smaller result is scattered to the full width
    before the sum. Input channels that one reader drops are gathered before it, and not made where nobody else reads
    them. What cannot be smaller (single rows of an attention's projections, filters beside others in a group) stays
    in place, masked. A layer always keeps a filter and an input channel, of zeros if need be.

    Args:
        model: whose layer graph it is; not changed.
        kept_filters: layer -> ``(out_channels,)`` bool; layers that are not named keep all.
        kept_channels: layer -> ``(in_channels,)`` bool, likewise.

    Raises:
        WorkloadError: unknown layer, mask of the wrong length, a model that ``torch.fx`` cannot trace.

    >>> import torch
    >>> from compress.graph.trace import layer_graph
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> graph = layer_graph(model, (4,))
    >>> shrink(model, graph, {"0": torch.tensor([True, False, True])}).get_submodule("2")
    Linear(in_features=2, out_features=2, bias=True)
    """
    filters, inputs = checked_masks(graph, kept_filters, kept_channels or {})
    return carry_out(mask_layers(model, graph, filters, inputs), graph, make_plan(graph, filters, inputs))


def kept_outputs(graph: nx.DiGraph, kept_filters: MaskLike, kept_channels: MaskLike | None = None) -> dict[str, Tensor]:
    """Which channels the layers of the smaller model write.

    Args:
        graph, kept_filters, kept_channels: as for :func:`shrink`.

    Returns:
        Layer or batch normalisation by module name -> ``(kept,)`` int64, channels of the original, ascending; those
        that keep all are left out.
    """
    filters, inputs = checked_masks(graph, kept_filters, kept_channels or {})
    if not filters and not inputs:
        return {}
    plan = make_plan(graph, filters, inputs)
    makers = (Role.MAKE, Role.GROUP, Role.NORM)
    return {
        graph.nodes[node]["module"]: torch.from_numpy(plan.stored[node])
        for node, info in plan.channels.items()
        if info.role in makers and len(plan.stored[node]) < info.count
    }


def remove_channels(model: nn.Module, graph: nx.DiGraph, removals: Mapping[str, Iterable[int]]) -> nn.Module:
    """A smaller model without some channels; equals :func:`compress.structure.masks.mask_channels`.

    Args:
        model: whose layer graph it is; not changed.
        removals: name of a set of :func:`compress.structure.sets.channel_sets` -> its channels that go.

    Raises:
        WorkloadError: unknown or fixed set, channels out of range, a model that ``torch.fx`` cannot trace.
    """
    kept = filter_masks(graph, removals)
    small = shrink(model, graph, kept)
    for attention in attentions(graph):
        if attention.in_proj in kept:
            heads = kept[attention.in_proj][: attention.heads * attention.head_width].reshape(attention.heads, -1)
            old = small.get_submodule(attention.module)
            assert isinstance(old, nn.MultiheadAttention)
            small.set_submodule(attention.module, HeadAttention(old, np.flatnonzero(heads.all(axis=1)).tolist()))
    return small.eval()
