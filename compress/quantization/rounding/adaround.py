"""Rounding up or down as the layer's output asks for, learnt by gradient descent (Nagel et al., AdaRound, 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.quantization.rounding.registry import WeightsToRound, rounding

__all__ = ["round_adaptively"]

STEPS = 500
RATE = 0.05
"""Steps of Adam, and their size."""
WARM_UP = 0.2
"""Share of the steps without the regulariser."""
SHARPNESS = (20.0, 2.0)
"""Exponent of the regulariser ``1 - |2h - 1|^β``, first and last."""
STRENGTH = 0.02
"""Weight of the regulariser against the squared output error in units of the step and the inputs' mean variance."""
LOW, HIGH = -0.1, 1.1
"""The stretched sigmoid's ends; h is clipped to 0 … 1."""


@rounding("adaround", needs_covariance=True)
def round_adaptively(given: WeightsToRound) -> tuple[Tensor, Tensor]:
    """Integers ``base + h`` with h in {0, 1} of small ``(W - s·q) H (W - s·q)ᵀ``; the scales stay.

    The squared error over all rows is a quadratic form of the covariance H, so the descent sees every row at every
    step and nothing is drawn. A channel for which the nearest integers are better keeps those. One bit chooses
    between -1 and +1.
    """
    base, step = _base(given)
    limits = -given.limit, given.limit
    covariance = given.damped_covariance(0.0)
    unit = covariance.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-12)[:, None, None]
    target, metric = (given.weights / given.scales.clamp(min=1e-30)[:, :, None]).float(), (covariance / unit).float()
    base32 = base.float()
    share = ((target - base32) / step).clamp(0.01, 0.99)
    soft = torch.logit((share - LOW) / (HIGH - LOW)).requires_grad_()
    optimiser = torch.optim.Adam([soft], lr=RATE)
    with torch.enable_grad():
        for turn in range(STEPS):
            up = (torch.sigmoid(soft) * (HIGH - LOW) + LOW).clamp(0, 1)
            difference = target - (base32 + step * up).clamp(*limits)
            loss = ((difference @ metric) * difference).sum() + STRENGTH * _regulariser(up, turn / STEPS)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    integers = (base + step * (soft.detach() > 0).double()).clamp(*limits)
    integers = integers if given.kept is None else integers * given.kept
    return _better(integers, given, covariance), given.scales


def _base(given: WeightsToRound) -> tuple[Tensor, int]:
    """The lower of the two integers that are open to each weight, and how far the upper one is."""
    if given.bits == 1:
        return torch.full_like(given.weights, -1.0), 2
    return (given.weights / given.scales[:, :, None]).floor().clamp(-given.limit, given.limit), 1


def _regulariser(up: Tensor, progress: float) -> Tensor:
    if progress < WARM_UP:
        return up.new_zeros(())
    first, last = SHARPNESS
    sharpness = first + (last - first) * (progress - WARM_UP) / (1 - WARM_UP)
    return (1 - (2 * up - 1).abs().pow(sharpness)).sum()


def _better(integers: Tensor, given: WeightsToRound, covariance: Tensor) -> Tensor:
    """Per channel, the learnt integers or the nearest ones."""
    nearest = given.nearest(given.weights)

    def error(candidate: Tensor) -> Tensor:
        difference = given.weights - candidate * given.scales[:, :, None]
        return ((difference @ covariance) * difference).sum(2, keepdim=True)

    return torch.where(error(integers) < error(nearest), integers, nearest)
