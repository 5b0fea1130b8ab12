"""In what unit rewards reach a critic."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rl.agents.arrays import Arrays
from rl.agents.config import Problem, RewardScaling

__all__ = ["RewardScaler"]

SMALLEST_DEVIATION = 1e-3
"""Of sampled rewards, in shares of the return range: equal rewards are not blown up to noise."""


class RewardScaler:
    """``(return − baseline · Σ_{i<k} γ^i) / unit`` of windows of k steps; see ``DdpgConfig.reward_scaling``."""

    def __init__(self, problem: Problem, scaling: RewardScaling, decay: float, gamma: float) -> None:
        self._scaling, self._decay, self._gamma = scaling, decay, gamma
        self._range, self._width = problem.return_range, problem.return_width
        self._moments: tuple[float, float] | None = None  # moving mean and mean square of rewards per step

    @property
    def unit(self) -> float:
        """What 1 is worth to the critic, in the environment's rewards."""
        if self._scaling == "range":
            return max(abs(bound) for bound in self._range)
        if self._scaling == "deviation" and self._moments is not None:
            mean, mean_square = self._moments
            return max(math.sqrt(max(mean_square - mean**2, 0.0)), SMALLEST_DEVIATION * self._width)
        return 1.0

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and largest value that the critic can have to give; none where the scale moves."""
        if self._scaling in ("none", "range"):
            return self._range[0] / self.unit, self._range[1] / self.unit
        return None

    def observe(self, returns: NDArray[np.floating], lengths: NDArray[np.integer]) -> None:
        """Let the moving statistics follow sampled windows ``(B,)``."""
        if self._scaling in ("none", "range"):
            return
        per_step = returns.astype(np.float64) / self._annuity(lengths)
        sampled = float(per_step.mean()), float((per_step**2).mean())
        old = sampled if self._moments is None else self._moments
        keep = self._decay
        self._moments = keep * old[0] + (1 - keep) * sampled[0], keep * old[1] + (1 - keep) * sampled[1]

    def scale(self, returns: Tensor, lengths: NDArray[np.integer]) -> Tensor:
        """``(B,)`` returns of windows of ``lengths (B,)`` steps, as the critic gets them."""
        if self._scaling == "moving_baseline" and self._moments is not None:
            baseline = self._moments[0] * self._annuity(lengths)
            return returns - returns.new_tensor(baseline)
        return returns / self.unit

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """The moving statistics; empty before the first ones."""
        return {"moments": np.array([] if self._moments is None else self._moments)}

    def load_state_dict(self, arrays: Arrays) -> None:
        """Take over what :meth:`state_dict` gave."""
        values = arrays["moments"].astype(np.float64)
        self._moments = (float(values[0]), float(values[1])) if len(values) else None

    def _annuity(self, lengths: NDArray[np.integer]) -> NDArray[np.float64]:
        """``Σ_{i<k} γ^i`` for every window."""
        sums = np.cumsum(self._gamma ** np.arange(int(lengths.max())))
        return np.asarray(sums[lengths - 1])
