"""Wanda: magnitude times the size of the input, compared within each output."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from compress.pruning.criterion import Criterion, Granularity, Need, PrunableLayer, keep_largest, pruned_count
from compress.pruning.input_norms import input_weighted_magnitude

__all__ = ["Wanda"]


@dataclass(frozen=True)
class Wanda(Criterion):
    """Every output loses its weights of smallest ``|w| · ‖x‖₂``, all outputs equally many.

    Where the layer's count does not divide by the outputs, the rest goes one by one from those outputs whose next
    weight counts least.
    """

    name = "wanda"
    granularity = Granularity.ELEMENT
    needs = frozenset({Need.INPUT_MOMENTS})
    source = "Sun et al., A Simple and Effective Pruning Approach for Large Language Models, 2023"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """The largest of each output."""
        scores = input_weighted_magnitude(layer).flatten(1)
        each, rest = divmod(pruned_count(ratio, scores.numel()), len(scores))
        ordered = torch.sort(scores, dim=1, stable=True)
        kept = torch.ones_like(scores, dtype=torch.bool).scatter(1, ordered.indices[:, :each], value=False)
        if rest:
            spare = ~keep_largest(ordered.values[:, each], rest / len(scores))
            kept[spare, ordered.indices[spare, each]] = False
        return kept.reshape(layer.weight.shape)
