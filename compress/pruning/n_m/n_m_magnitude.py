"""N:M by magnitude."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from compress.pruning.criterion import PrunableLayer
from compress.pruning.n_m.criterion import NmCriterion

__all__ = ["NmMagnitude", "largest_of_groups"]


@dataclass(frozen=True)
class NmMagnitude(NmCriterion):
    """Of every group the ``keep`` largest magnitudes stay.

    With 2:4, channels ``[0.1, -0.9, 0.5, 0.3]`` become ``[0, -0.9, 0.5, 0]``.
    """

    name = "n_m_magnitude"
    source = "Mishra et al., Accelerating Sparse Deep Neural Networks, 2021"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:  # noqa: ARG002 the pattern says how many
        """The largest of each group; of equal ones the lowest channel goes first."""
        return largest_of_groups(layer.weight.abs(), self.keep, self.of)


def largest_of_groups(scores: Tensor, keep: int, of: int) -> Tensor:
    """True for the ``keep`` largest of every ``of`` neighbours along dimension 1; the last group may be shorter.

    >>> largest_of_groups(torch.tensor([[1.0, 1.0, 3.0, 2.0, 5.0]]), 1, 2)
    tensor([[False,  True,  True, False,  True]])
    """
    # a weight that is not there is the first to go
    padded = torch.nn.functional.pad(scores.movedim(1, -1), (0, -scores.shape[1] % of), value=-math.inf)
    groups = padded.reshape(*padded.shape[:-1], -1, of)
    order = torch.sort(groups, dim=-1, stable=True).indices
    kept = torch.ones_like(groups, dtype=torch.bool).scatter(-1, order[..., : of - keep], value=False)
    return kept.flatten(-2)[..., : scores.shape[1]].movedim(-1, 1).contiguous()
