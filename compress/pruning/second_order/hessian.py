"""The Hessian that second-order algorithms work with, from the statistics of a layer's input."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.criterion import PrunableLayer
from compress.pruning.gemm_order import gemm_moments, gemm_rows

__all__ = ["DAMPING", "EXACT_WORK", "Problem", "inverse_of", "problem_of"]

DAMPING = 0.01
"""Share of the mean diagonal that is added to the diagonal (SparseGPT's ``percdamp``)."""

DEAD = 1e-6
"""Share of the damping that an input gets which is always zero."""
EXACT_WORK = 2e10
"""Multiply-adds up to which a layer is solved exactly, a few seconds; larger ones are swept as in SparseGPT."""


class Problem(NamedTuple):
    """A layer as least squares: each row of ``rows`` has the error ``δᵀ hessian δ`` when it moves by δ.

    ``rows (groups, n, k)`` and ``hessian (groups, k, k)``, float64 on the CPU, k in the GEMM's order.
    """

    rows: Tensor
    hessian: Tensor


def problem_of(layer: PrunableLayer) -> Problem:
    """The layer's weights and the damped second moments of its input, ``E[x xᵀ] + damping``.

    That is the mean squared error of an output, plus the damping times the squared change of the weights; OBS's
    Hessian ``2 X Xᵀ`` is the same up to a factor, which changes neither choice nor update. An input that is always
    zero is damped a million times less, so that its weights go first. Where all are zero, every weight is worth its
    square.

    Raises:
        PolicyError: the layer's input was not measured.
    """
    moments = layer.statistics.input_moments
    if moments is None:
        raise PolicyError(
            f"layer {layer.name}: second-order pruning needs the moments of its input; none were collected"
        )
    hessian = gemm_moments(moments.detach().to("cpu", torch.float64), layer.weight.shape).clone()
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    damping = (DAMPING * diagonal.mean(dim=1, keepdim=True)).expand_as(diagonal)
    damping = torch.where(diagonal > 0, damping, DEAD * damping)
    diagonal.add_(torch.where(damping > 0, damping, torch.ones_like(damping)))
    return Problem(gemm_rows(layer.weight.detach().to("cpu", torch.float64), layer.groups), hessian)


def inverse_of(hessian: Tensor) -> Tensor:
    """Inverse of a symmetric positive definite ``(k, k)``."""
    return torch.cholesky_inverse(torch.linalg.cholesky(hessian))
