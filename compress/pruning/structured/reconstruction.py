"""Input channels go whose factor the LASSO sets to zero; the weights on the others are fitted by least squares."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compress.pruning.structured.channel_reconstruction import ChannelReconstruction
from compress.pruning.structured.lasso_kernel import descend

__all__ = ["Reconstruction", "lasso_factors"]

BISECTIONS = 24
"""Of the logarithm of the penalty, which is then known to 2e-6 of itself."""
SMALLEST_PENALTY = 1e-12
"""Of the largest useful one."""
TOLERANCE = 1e-11
"""Largest change of a factor in the last sweep."""
DECIMALS = 9
"""Of factors that are compared: coarser than the solver's noise, so that equal channels are equal."""
MAX_SWEEPS = 1000


class Reconstruction(ChannelReconstruction):
    """Channel pruning by He et al.: ``min over β of ½ E‖Σ_c W_c x_c - Σ_c β_c W_c x_c‖² + penalty · Σ |β_c|``.

    The penalty is the largest that leaves at least as many factors β away from zero as channels shall stay; of those
    the largest stay. The factors serve the choice alone: the least squares that follow fit every weight.

    >>> products = torch.tensor([[4.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.9, 1.0]], dtype=torch.float64)
    >>> Reconstruction().kept_channels(products, 1)  # channels 1 and 2 can stand in for each other
    tensor([ True, False,  True])
    """

    name = "reconstruction"
    source = "He et al., Channel Pruning for Accelerating Very Deep Neural Networks, ICCV 2017"

    def kept_channels(self, products: Tensor, removed: int) -> Tensor:
        """``(channels,)`` bool; equal factors: the lowest index goes first."""
        factors = lasso_factors(products, len(products) - removed).abs().round(decimals=DECIMALS)
        kept = torch.ones(len(products), dtype=torch.bool)
        kept[torch.sort(factors, stable=True).indices[:removed]] = False
        return kept


def lasso_factors(products: Tensor, kept: int) -> Tensor:
    """``(channels,)`` factors at the largest penalty that leaves at least ``kept`` of them away from zero.

    Where no penalty does (channels without a part in the output), those at the smallest one that is tried.

    Args:
        products: ``(channels, channels)`` float64.
        kept: from 1 to ``channels - 1``.
    """
    gram = np.ascontiguousarray(products.numpy(), dtype=np.float64)
    target = gram.sum(axis=1)
    high = float(np.abs(target).max())  # from here on all factors are zero
    low = SMALLEST_PENALTY * high
    start = np.zeros(len(gram))
    found = descend(gram, target, low, start, TOLERANCE, MAX_SWEEPS)
    for _ in range(BISECTIONS):
        middle = (low * high) ** 0.5
        factors = descend(gram, target, middle, start, TOLERANCE, MAX_SWEEPS)
        if np.count_nonzero(factors) >= kept:
            low, found = middle, factors
        else:
            high, start = middle, factors
    return torch.from_numpy(found)
