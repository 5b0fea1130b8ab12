"""Filters drawn at random go, and the kept ones grow, so that the expected output of the layer stays what it was."""

from __future__ import annotations

from torch import Tensor

from compress.pruning.criterion import PrunableLayer
from compress.pruning.structured.random_filter import RandomFilter

__all__ = ["Bernoulli"]


class Bernoulli(RandomFilter):
    """Every filter is kept with probability ``1 - ratio``; kept weights are divided by that probability.

    Independent draws would remove a number of filters that varies. Here exactly ``pruned_count`` of ``n`` filters are
    drawn without replacement, so that each is kept with probability ``kept / n``, and the kept weights are multiplied
    by ``n / kept``: over all draws the expected weights are the ones before, and so is the expected output of the layer
    (its bias is left alone) and of what follows linearly, batch normalisation in evaluation included; not so beyond
    an activation function. The filters are those of ``random_filter`` with the same seed.

    >>> import torch
    >>> layer = PrunableLayer("fc", torch.ones(4, 2))
    >>> Bernoulli().update(layer, Bernoulli().mask(layer, 0.5)).sum()
    tensor(8.)
    """

    name = "bernoulli"
    source = "Bernoulli filter pruning as in Distiller and Balaskas et al., arXiv 2312.15322; exact count: ours"

    def update(self, layer: PrunableLayer, mask: Tensor) -> Tensor:
        """Kept filters times ``n / kept``."""
        kept = mask.flatten(1).any(1)
        return layer.weight * mask * (kept.numel() / int(kept.sum()))
