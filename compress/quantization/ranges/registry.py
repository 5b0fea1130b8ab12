"""The rules by name, and what they are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from compress.quantization.grid import Grid, grid_of_range, largest_integer
from compress.quantization.ranges.histogram import Histogram

__all__ = ["ACTIVATION_RANGES", "WEIGHT_RANGES", "Target", "activation_grid", "activation_range", "weight_range",
           "weight_scales"]  # fmt: skip


@dataclass(frozen=True)
class Target:
    """The grid that a range is wanted for: its width and whether it is signed, symmetric or with a zero point."""

    bits: int
    signed: bool
    symmetric: bool = True

    def grid(self, low: float, high: float) -> Grid:
        """The grid of a range."""
        return grid_of_range(low, high, self.bits, signed=self.signed, symmetric=self.symmetric)


ActivationRule = Callable[[Histogram, Target], tuple[float, float]]
WeightRule = Callable[[Tensor, int], Tensor]

ACTIVATION_RANGES: dict[str, ActivationRule] = {}
WEIGHT_RANGES: dict[str, WeightRule] = {}


def activation_range(name: str) -> Callable[[ActivationRule], ActivationRule]:
    """Register a rule for activations under a policy's name for it."""

    def register(rule: ActivationRule) -> ActivationRule:
        ACTIVATION_RANGES[name] = rule
        return rule

    return register


def weight_range(name: str) -> Callable[[WeightRule], WeightRule]:
    """Register a rule for weights under a policy's name for it."""

    def register(rule: WeightRule) -> WeightRule:
        WEIGHT_RANGES[name] = rule
        return rule

    return register


def activation_grid(rule: str, seen: Histogram, target: Target) -> Grid:
    """The grid of a tensor. One signed bit is the sign times the mean magnitude, whatever the rule."""
    if target.bits == 1 and target.signed and target.symmetric:
        return target.grid(0.0, seen.mean_magnitude)
    return target.grid(*ACTIVATION_RANGES[rule](seen, target))


def weight_scales(rule: str, rows: Tensor, bits: int, kept: Tensor | None = None) -> Tensor:
    """One scale per output channel, float32 numbers ``(channels,)`` in the rows' type; channels of zeros get one.

    One bit gets the mean magnitude whatever the rule, the scale of least squared error (Rastegari et al., 2016).

    Args:
        rows: ``(channels, k)``; zero where pruned.
        kept: where weights are not pruned; only one bit needs to know. All if left out.
    """
    if bits == 1:
        count = rows.shape[1] if kept is None else kept.sum(1).clamp(min=1)
        return (rows.abs().sum(1) / count).float().to(rows.dtype)
    largest = WEIGHT_RANGES[rule](rows, bits)
    steps = largest_integer(bits, signed=True)
    scales = (torch.where(largest > 0, largest, 1.0) / steps).float()
    return scales.clamp(min=torch.finfo(torch.float32).tiny).to(rows.dtype)
