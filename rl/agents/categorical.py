"""Distributions over returns on a fixed support (C51; Bellemare et al., 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["project", "support"]


def support(low: float, high: float, atoms: int) -> Tensor:
    """``(atoms,)`` returns, evenly from ``low`` to ``high``."""
    return torch.linspace(low, high, atoms)


def project(probabilities: Tensor, returns: Tensor, discounts: Tensor, atoms: Tensor) -> Tensor:
    """The distribution of ``returns + discounts · Z`` on the support of Z.

    A shifted atom outside the support moves to its end; one between two atoms is shared, the nearer getting more.

    Args:
        probabilities: ``(B, atoms)`` of Z.
        returns: ``(B,)`` rewards of the window.
        discounts: ``(B,)`` factor of Z; 0 after a terminal step, which puts all probability on the return.
        atoms: ``(atoms,)`` evenly spaced, from :func:`support`.

    Returns:
        ``(B, atoms)``, each row with the sum of its row of ``probabilities``.

    >>> half = torch.tensor([[0.0, 0.5, 0.5]])
    >>> project(half, torch.tensor([0.25]), torch.tensor([1.0]), support(-1.0, 1.0, 3))
    tensor([[0.0000, 0.3750, 0.6250]])

    """
    count = len(atoms)
    spacing = (atoms[-1] - atoms[0]) / (count - 1)
    shifted = torch.addcmul(returns[:, None], discounts[:, None], atoms)
    position = shifted.sub_(atoms[0]).div_(spacing).clamp_(0.0, count - 1.0)
    lower = position.floor().clamp_(max=count - 2.0)
    to_upper = position.sub_(lower).mul_(probabilities)
    index = lower.long()
    projected = torch.zeros_like(probabilities)
    projected.scatter_add_(1, index, probabilities - to_upper)
    return projected.scatter_add_(1, index.add_(1), to_upper)
