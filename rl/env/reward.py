"""What a policy is worth: energy saved, within a bound on lost accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accel_sim.errors import InputError

__all__ = ["REWARD_RANGE", "Reward"]

REWARD_RANGE = (-1.0, 1.0)
"""Least and largest reward of an episode, and so the range of every return."""


@dataclass(frozen=True)
class Reward:
    """The reward of an episode::

        saved   = 1 - energy / reference_energy_pj             (share; negative if the policy costs more)
        excess  = max(0, loss_points - max_loss_points)        (percentage points of top-1 accuracy)
        reward  = max(-1, (1 + saved) · exp(-slope · excess) - 1)

    Within the bound the reward is the share of energy that is saved. Just beyond it every point costs
    ``slope · (1 + saved)``; far beyond it all rewards end at -1, whatever was saved: nothing is gained by ruining the
    network, and of two policies that lose too much the one that loses less is worth more unless it saves far less.

    Attributes:
        max_loss_points: bound on the loss of top-1 accuracy against the float network, percentage points.
        reference_energy_pj: energy of the dense 8-bit network on the same machine, pJ for one image.
        reference_top1_percent: accuracy of the float network on the same images, 0..100.
        slope: share of ``1 + saved`` that the first point beyond the bound costs.
    """

    max_loss_points: float
    reference_energy_pj: float
    reference_top1_percent: float
    slope: float = 0.2

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_loss_points) and 0 <= self.max_loss_points <= 100):
            raise InputError(f"max-loss: holds {self.max_loss_points:g}; allowed: 0 to 100 points of accuracy")

    def loss_points(self, top1_percent: float) -> float:
        """Lost accuracy against the float network, percentage points; negative where it is better."""
        return self.reference_top1_percent - top1_percent

    def saved(self, energy_pj: float) -> float:
        """Share of the reference's energy that is saved."""
        return 1.0 - energy_pj / self.reference_energy_pj

    def within_bound(self, top1_percent: float) -> bool:
        """Whether the loss is at most the bound (up to the rounding of percentages)."""
        return self.loss_points(top1_percent) <= self.max_loss_points + 1e-9

    def of(self, top1_percent: float, energy_pj: float) -> float:
        """The formula above."""
        return self.of_shares(self.saved(energy_pj), self.loss_points(top1_percent))

    def of_shares(self, saved: float, loss_points: float) -> float:
        """The formula above, of a share of energy and points of accuracy."""
        excess = max(0.0, loss_points - self.max_loss_points - 1e-9)
        return max(REWARD_RANGE[0], (1.0 + saved) * math.exp(-self.slope * excess) - 1.0)
