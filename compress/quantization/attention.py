"""``nn.MultiheadAttention`` taken apart, so that its projections are linear layers of their own."""

from __future__ import annotations

from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SelfAttention", "take_attention_apart"]


class SelfAttention(nn.Module):
    """Self-attention with the parameters, names and results of the ``nn.MultiheadAttention`` that it is made from.

    It answers calls with one tensor for query, key and value, and takes no mask.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        width, biased = attention.embed_dim, attention.in_proj_bias is not None
        self.num_heads, self.batch_first = attention.num_heads, attention.batch_first
        self.in_proj = nn.Linear(width, 3 * width, bias=biased)
        self.in_proj.weight = attention.in_proj_weight
        if biased:
            self.in_proj.bias = attention.in_proj_bias
        self.out_proj = nn.Linear(width, width, bias=attention.out_proj.bias is not None)
        self.out_proj.load_state_dict(attention.out_proj.state_dict())
        self.training = False

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = True, **_: Any
    ) -> tuple[Tensor, Tensor | None]:
        """Output ``(batch, tokens, width)`` (tokens first unless ``batch_first``); on demand, heads' mean weights."""
        del key, value
        x = query if self.batch_first else query.transpose(0, 1)
        batch, tokens, width = x.shape
        heads = self.in_proj(x).reshape(batch, tokens, 3, self.num_heads, width // self.num_heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        if need_weights:
            scores = (q @ k.transpose(-2, -1)) * (q.shape[-1] ** -0.5)
            weights = torch.softmax(scores, -1)
            mixed = weights @ v
        else:
            mixed, weights = functional.scaled_dot_product_attention(q, k, v), None
        out = self.out_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))
        out = out if self.batch_first else out.transpose(0, 1)
        return out, None if weights is None else weights.mean(1)


def take_attention_apart(model: nn.Module, graph: nx.DiGraph) -> None:
    """Replace, in place, the attention modules whose joint projection the layer graph shows as one linear layer.

    Those are the ones that attend to their own input, without extra keys. The others stay, and stay float.
    """
    for name, module in list(model.named_modules()):
        if not isinstance(module, nn.MultiheadAttention) or not module._qkv_same_embed_dim:
            continue
        joint = graph.nodes.get(f"{name}.in_proj", {}).get("kind") == "linear"
        if joint and module.bias_k is None and not module.add_zero_attn:
            model.set_submodule(name, SelfAttention(module))
