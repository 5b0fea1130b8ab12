"""Small layers with statistics of a made-up input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compress.pruning.criterion import LayerStatistics, PrunableLayer


def input_rows(groups: int, k: int, seed: int = 0, rows: int = 200) -> Tensor:
    """``(groups, rows, k)`` correlated, never negative, as behind a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(groups, rows, k, generator=generator, dtype=torch.float64) @ torch.randn(
        groups, k, k, generator=generator, dtype=torch.float64
    )
    return mixed.clamp(min=0)


def layer_of(*shape: int, groups: int = 1, seed: int = 0) -> PrunableLayer:
    """A layer with random weights of ``shape`` and the moments of :func:`input_rows`."""
    weight = torch.randn(*shape, generator=torch.Generator().manual_seed(seed + 1))
    rows = input_rows(groups, int(np.prod(shape[1:])), seed)
    moments = rows.transpose(1, 2) @ rows / rows.shape[1]
    statistics = LayerStatistics(input_moments=moments, input_means=rows.mean(dim=1))
    return PrunableLayer("layer", weight, groups=groups, statistics=statistics, seed=seed)
