"""Lost accuracy of a policy against the float network on the same images, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from compress.accuracy import image_ranks
from rl.runs.request import Prepared

__all__ = ["PairedLoss", "SearchImages", "paired_loss"]


@dataclass(frozen=True)
class PairedLoss:
    """Accuracy that a network has lost on some images.

    Attributes:
        top1_percent: what is left, 0..100.
        points: lost, percentage points.
        standard_error_points: of ``points``, as an estimate for all images of their kind.
    """

    top1_percent: float
    points: float
    standard_error_points: float

    def pessimistic_points(self, margin: float) -> float:
        """The loss and ``margin`` standard errors."""
        return self.points + margin * self.standard_error_points


def paired_loss(reference: Tensor, hits: Tensor) -> PairedLoss:
    """Compare two networks image by image; what both get right or both get wrong says nothing and adds no doubt.

    Args:
        reference, hits: bool ``(images,)``, whether the reference and the network name the right class.

    >>> paired_loss(torch.tensor([True, True, False, True]), torch.tensor([True, False, False, True])).points
    25.0
    """
    count = len(hits)
    lost, won = int((reference & ~hits).sum()), int((hits & ~reference).sum())
    mean = (lost - won) / count
    variance = (lost + won) / count - mean**2
    return PairedLoss(100 * int(hits.sum()) / count, 100 * mean, 100 * math.sqrt(variance / count))


class SearchImages:
    """All search images, and what the float network makes of them; that is found out when it is first asked for."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._float_hits: Tensor | None = None

    def loss(self, model: nn.Module) -> PairedLoss:
        """Of a network on all search images."""
        if self._float_hits is None:
            self._float_hits = self._hits(self._prepared.model)
        return paired_loss(self._float_hits, self._hits(model))

    def _hits(self, model: nn.Module) -> Tensor:
        request = self._prepared.request
        ranks = image_ranks(model, self._prepared.search, device=request.device, input_shape=request.input_shape)
        return torch.lt(ranks, 1)
