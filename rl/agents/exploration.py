"""How the agent tries what it does not believe to be best."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from accel_sim.errors import InputError

__all__ = ["decayed", "random_valid", "truncated_normal"]


def decayed(start: float, decay: float, floor: float, episode: int) -> float:
    """``start · decay^episode``, never below ``floor``."""
    return max(floor, start * decay**episode)


def truncated_normal(
    mean: NDArray[np.floating], deviation: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draws from normal distributions cut off at 0 and 1, by inverting their distribution function (as AMC and HAQ).

    Unlike a clipped normal it puts no lump on the bounds.

    Args:
        mean: ``(actions,)`` in [0, 1].
        deviation: of the normal before it is cut off; 0 gives the mean.
        generator: where the draws come from.

    >>> import numpy as np
    >>> truncated_normal(np.array([0.25, 1.0]), 0.0, np.random.default_rng(0))
    array([0.25, 1.  ], dtype=float32)

    """
    if deviation == 0.0:
        return mean.astype(np.float32)
    centre = torch.from_numpy(mean.astype(np.float64))
    below = torch.special.ndtr(-centre / deviation)
    above = torch.special.ndtr((1.0 - centre) / deviation)
    quantile = below + (above - below) * torch.from_numpy(generator.random(len(mean)))
    draws = centre + deviation * torch.special.ndtri(quantile)
    return np.asarray(draws.clamp_(0.0, 1.0), dtype=np.float32)


def random_valid(mask: NDArray[np.bool_], generator: np.random.Generator) -> int:
    """One of the actions that ``mask (discrete_count,)`` allows, each as likely as the others.

    Raises:
        InputError: none is allowed.

    """
    valid = np.flatnonzero(mask)
    if len(valid) == 0:
        raise InputError(f"mask: none of the {len(mask)} discrete actions is allowed; at least one must be")
    return int(generator.choice(valid))
