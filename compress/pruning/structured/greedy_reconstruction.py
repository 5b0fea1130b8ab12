"""One input channel after another goes, each time the one whose loss the layer's output feels least."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.structured.channel_reconstruction import ChannelReconstruction

__all__ = ["GreedyReconstruction"]


class GreedyReconstruction(ChannelReconstruction):
    """ThiNet's choice: the set R of removed channels grows by the channel with the least ``E‖Σ_{c in R} W_c x_c‖²``.

    While channels are chosen the others keep their weights; at the end those are fitted by least squares (ThiNet fits
    one factor per channel, and trains on). Unlike ``reconstruction`` it looks at what is removed, not at what could
    make up for it: of two equal channels each alone is as costly to remove as the other.

    >>> products = torch.tensor([[4.0, 0.0, 0.0], [0.0, 1.0, -1.0], [0.0, -1.0, 1.5]])
    >>> GreedyReconstruction().kept_channels(products, 2)  # channels 1 and 2 cancel out
    tensor([ True, False, False])
    """

    name = "greedy_reconstruction"
    source = "Luo et al., ThiNet, ICCV 2017 (choice); weights by least squares"

    def kept_channels(self, products: Tensor, removed: int) -> Tensor:
        """``(channels,)`` bool; equal costs: the lowest index goes first."""
        kept = torch.ones(len(products), dtype=torch.bool)
        added_cost = products.diagonal().clone()
        for _ in range(removed):
            channel = int(torch.where(kept, added_cost, torch.inf).argmin())
            kept[channel] = False
            added_cost += 2 * products[channel]
        return kept
