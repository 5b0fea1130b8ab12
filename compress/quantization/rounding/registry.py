"""The rules by name, and what they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from compress.quantization.grid import largest_integer

__all__ = ["ROUNDINGS", "Rounding", "WeightsToRound", "rounding"]


@dataclass(frozen=True)
class WeightsToRound:
    """A layer's weights on their way to integers.

    Attributes:
        weights: ``(groups, n, k)`` float64, n output channels per group; zero where not kept.
        scales: ``(groups, n)`` of one step.
        bits: 1 to 16; one bit chooses between -1 and +1.
        kept: bool, the weights' shape; the others become zero. All if ``None``.
        covariance: ``(groups, k, k)`` of what the layer reads; only for rules that ask for it.
    """

    weights: Tensor
    scales: Tensor
    bits: int
    kept: Tensor | None = None
    covariance: Tensor | None = None

    @property
    def limit(self) -> int:
        """The largest integer."""
        return largest_integer(self.bits, signed=True)

    def nearest(self, values: Tensor, column: int | slice = slice(None)) -> Tensor:
        """The nearest integers of values ``(groups, n, columns)``, or ``(groups, n)`` of one column; zero if pruned."""
        scales = self.scales if values.ndim == 2 else self.scales[:, :, None]
        steps = values / scales.clamp(min=torch.finfo(torch.float32).tiny)
        integers = (
            torch.where(steps < 0, -1.0, 1.0) if self.bits == 1 else steps.round_().clamp_(-self.limit, self.limit)
        )
        return integers.to(values.dtype) if self.kept is None else integers * self.kept[:, :, column]

    def damped_covariance(self, damping: float) -> Tensor:
        """The covariance with ``damping`` times the mean of its diagonal added to the diagonal."""
        assert self.covariance is not None
        mean = self.covariance.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-12)
        identity = torch.eye(self.covariance.shape[-1], dtype=self.covariance.dtype, device=self.covariance.device)
        return self.covariance + damping * mean[:, None, None] * identity

    def with_scales(self, scales: Tensor) -> WeightsToRound:
        """The same weights with other steps, as float32 holds them."""
        return replace(self, scales=scales.float().to(self.weights.dtype))


@dataclass(frozen=True)
class Rounding:
    """A rule: ``integers, scales = round(given)``, ``(groups, n, k)`` and ``(groups, n)`` float64."""

    round: Callable[[WeightsToRound], tuple[Tensor, Tensor]]
    needs_covariance: bool


ROUNDINGS: dict[str, Rounding] = {}


def rounding(
    name: str, *, needs_covariance: bool
) -> Callable[[Callable[[WeightsToRound], tuple[Tensor, Tensor]]], Callable[[WeightsToRound], tuple[Tensor, Tensor]]]:
    """Register a rule under a policy's name for it."""

    def register(
        rule: Callable[[WeightsToRound], tuple[Tensor, Tensor]],
    ) -> Callable[[WeightsToRound], tuple[Tensor, Tensor]]:
        ROUNDINGS[name] = Rounding(rule, needs_covariance)
        return rule

    return register
