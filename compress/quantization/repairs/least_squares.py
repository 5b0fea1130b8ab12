"""Float weights fitted, before they are rounded, to the reference's outputs given what the layer really reads."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.quantization.repairs.moments import Moments

__all__ = ["DAMPING", "fit_weights"]

DAMPING = 0.01
"""Weight of staying at the old weights, in units of the mean variance of the inputs."""
STEPS = 100
TOLERANCE = 1e-4
"""Conjugate gradients end after so many steps, or when the residual has shrunk by this factor."""


def fit_weights(weights: Tensor, moments: Moments, kept: Tensor | None = None) -> Tensor:
    """Minimise ``E (y - W x)² + damping·|W - W₀|²`` over the kept weights, around the means (ridge regression).

    Solved for all output channels together by conjugate gradients (preconditioned by the diagonal), because each
    channel keeps other weights.

    Args:
        weights: ``(groups, n, k)`` float64, W₀; zero where not kept.
        moments: of the inputs as quantised, and of the reference's outputs.
        kept: bool, the weights' shape; all if left out.
    """
    matrix = moments.covariance
    variances = matrix.diagonal(dim1=1, dim2=2)
    damping = DAMPING * variances.mean(1)[:, None, None].clamp(min=1e-12)
    allowed = torch.ones_like(weights) if kept is None else kept.to(weights.dtype)
    inverse_diagonal = allowed / (variances[:, None, :] + damping)
    change = torch.zeros_like(weights)
    residual = (moments.cross - weights @ matrix) * allowed
    ready = inverse_diagonal * residual
    direction, size = ready.clone(), (residual * ready).sum(2, keepdim=True)
    target = size * TOLERANCE**2
    for _ in range(STEPS):
        image = (direction @ matrix + damping * direction) * allowed
        step = size / (direction * image).sum(2, keepdim=True).clamp(min=1e-300)
        change += step * direction
        residual -= step * image
        ready = inverse_diagonal * residual
        size, before = (residual * ready).sum(2, keepdim=True), size
        if bool((size <= target).all()):
            break
        direction = ready + (size / before.clamp(min=1e-300)) * direction
    return weights + change
