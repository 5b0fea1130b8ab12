"""``nn.MultiheadAttention`` in a layer graph: whole heads can go, and a module that has fewer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Attention", "HeadAttention", "attentions"]


@dataclass(frozen=True)
class Attention:
    """Self-attention of a layer graph.

    Attributes:
        module: path of the ``nn.MultiheadAttention``.
        in_proj, out_proj: nodes of its linear layers; the first makes queries, keys and values, in this order.
        heads: their number.
        head_width: channels of each.
    """

    module: str
    in_proj: str
    out_proj: str
    heads: int
    head_width: int


def attentions(graph: nx.DiGraph) -> list[Attention]:
    """Every ``nn.MultiheadAttention`` that one tensor enters as query, key and value."""
    found = []
    for node, data in graph.nodes(data=True):
        module = data["module"]
        if data["kind"] != "linear" or data["parameters"].get("weight") != f"{module}.in_proj_weight":
            continue
        products = [
            other for _, other in graph.nodes(data=True) if other["module"] == module and other["kind"] == "matmul"
        ]
        out_proj = f"{module}.out_proj"
        width, embedding = data["output_shapes"][0][-1], data["input_shapes"][0][-1]
        if out_proj not in graph or len(products) != 2 or width != 3 * embedding:
            continue
        head_width = products[1]["output_shapes"][0][-1]
        found.append(Attention(module, node, out_proj, embedding // head_width, head_width))
    return found


class HeadAttention(nn.Module):
    """Self-attention with any number of heads of any width; called like ``nn.MultiheadAttention``, no mask.

    The parameters have the names of ``nn.MultiheadAttention``.

    Args:
        attention: what is copied.
        kept: heads that stay.
    """

    def __init__(self, attention: nn.MultiheadAttention, kept: Sequence[int]) -> None:
        super().__init__()
        width = attention.embed_dim // attention.num_heads
        columns = torch.cat([torch.arange(head * width, (head + 1) * width) for head in kept])
        rows = torch.cat([columns + part * attention.embed_dim for part in range(3)])
        self.heads, self.head_width = len(kept), width
        self.batch_first = attention.batch_first
        self.in_proj_weight = nn.Parameter(attention.in_proj_weight.detach()[rows].clone())
        bias = attention.in_proj_bias
        self.in_proj_bias = None if bias is None else nn.Parameter(bias.detach()[rows].clone())
        old = attention.out_proj
        self.out_proj = nn.Linear(len(columns), old.out_features, old.bias is not None).to(old.weight)
        self.out_proj.load_state_dict({**old.state_dict(), "weight": old.weight.detach()[:, columns]})

    def forward(self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        """``(batch, length, embedding)`` if ``batch_first``, else ``(length, batch, …)``; three times the same."""
        del key, value, need_weights
        x = query if self.batch_first else query.transpose(0, 1)
        parts = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        parts = parts.reshape(x.shape[0], x.shape[1], 3, self.heads, self.head_width).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        y = self.out_proj(y.transpose(1, 2).flatten(2))
        return (y if self.batch_first else y.transpose(0, 1)), None
