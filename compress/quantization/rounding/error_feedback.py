"""Rounding that lets the weights not yet rounded make up for the error so far, then improves one weight at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from compress.quantization.rounding.error_feedback_kernel import descend, feedback
from compress.quantization.rounding.registry import WeightsToRound, rounding

__all__ = ["round_with_feedback"]

DAMPING = 0.01
"""Added to the diagonal of the covariance, in units of its mean."""
SWEEPS = 4
"""Most passes of coordinate descent."""
REFITS = 1
"""How often the steps are fitted to the integers and the weights rounded again."""


@rounding("error_feedback", needs_covariance=True)
def round_with_feedback(given: WeightsToRound) -> tuple[Tensor, Tensor]:
    """Integers q and scales s of small ``(W - s·q) H (W - s·q)ᵀ``, the layer's mean squared output error.

    Column by column, inputs of largest variance first, the rounding error is put into the columns still to come by the
    inverse covariance (Frantar et al., GPTQ, 2023). Then coordinate descent: each weight in turn takes the integer
    that is best given all others. Then the scales of least error for these integers, and once more. A channel keeps
    the best of what it was given. Deterministic.
    """
    covariance = given.damped_covariance(DAMPING)
    best = given.nearest(given.weights)
    scales = given.scales
    error = _errors(given.weights - best * scales[:, :, None], covariance)
    order = _order(covariance)
    for turn in range(REFITS + 1):
        integers = _descend(_feedback(given, order), given, covariance)
        refitted = given.with_scales(_fitted_scales(integers, given, covariance))
        here = _errors(given.weights - integers * refitted.scales[:, :, None], covariance)
        better = here <= error
        best = torch.where(better[:, :, None], integers, best)
        scales, error = torch.where(better, refitted.scales, scales), torch.where(better, here, error)
        given = refitted if turn < REFITS else given
    return best, scales


def _errors(difference: Tensor, covariance: Tensor) -> Tensor:
    """``(groups, n)`` squared output errors."""
    return ((difference @ covariance) * difference).sum(2)


def _fitted_scales(integers: Tensor, given: WeightsToRound, covariance: Tensor) -> Tensor:
    """The positive scales of least squared error; the old ones where there is none."""
    image = integers @ covariance
    power = (image * integers).sum(2)
    fitted = (image * given.weights).sum(2) / power.clamp(min=1e-300)
    return torch.where((power > 0) & (fitted > 0), fitted, given.scales)


class _Order(NamedTuple):
    """Columns ``(k,)``, largest variance first; upper factors ``(groups, k, k)`` of the inverse covariance."""

    columns: Tensor
    factors: Tensor


def _order(covariance: Tensor) -> _Order:
    columns = covariance.diagonal(dim1=1, dim2=2).mean(0).argsort(descending=True, stable=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance[:, columns][:, :, columns]))
    return _Order(columns, torch.linalg.cholesky(inverse, upper=True))


def _feedback(given: WeightsToRound, order: _Order) -> Tensor:
    weights, kept = given.weights[:, :, order.columns].contiguous(), _kept(given)[:, :, order.columns].contiguous()
    integers = torch.zeros_like(weights)
    for group, factor in enumerate(order.factors):
        rounded = feedback(
            weights[group].numpy().copy(),
            given.scales[group].numpy(),
            kept[group].numpy(),
            factor.contiguous().numpy(),
            given.limit,
            given.bits == 1,
        )
        integers[group, :, order.columns] = torch.from_numpy(rounded)
    return integers


def _descend(integers: Tensor, given: WeightsToRound, covariance: Tensor) -> Tensor:
    integers = integers.clone()
    slope = (given.weights - integers * given.scales[:, :, None]) @ covariance
    kept = _kept(given)
    for group in range(len(integers)):
        descend(
            integers[group].numpy(),
            slope[group].numpy(),
            given.scales[group].numpy(),
            kept[group].numpy(),
            covariance[group].contiguous().numpy(),
            given.limit,
            given.bits == 1,
            SWEEPS,
        )
    return integers


def _kept(given: WeightsToRound) -> Tensor:
    return torch.ones_like(given.weights, dtype=torch.bool) if given.kept is None else given.kept.contiguous()
