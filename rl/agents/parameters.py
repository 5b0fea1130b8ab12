"""Trained parameters of one network in one piece of memory.

Small networks spend much of their time in calls: with all parameters (and all gradients) as views of one flat tensor,
clipping, the optimiser and Polyak averaging are one call each instead of one per layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accel_sim.errors import InputError, RunError
from rl.agents.arrays import Arrays

__all__ = ["Optimised", "flatten", "load_flat", "polyak"]


def flatten(network: nn.Module) -> Tensor:
    """Move the parameters of ``network`` into one tensor ``(parameters,)``, of which they become views."""
    parameters = list(network.parameters())
    flat = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
    for parameter, piece in zip(parameters, _pieces(flat, parameters), strict=True):
        parameter.data = piece
    return flat


def polyak(target: Tensor, trained: Tensor, tau: float) -> None:
    """``target ← (1 − tau) · target + tau · trained`` on flat parameters, in place."""
    target.lerp_(trained, tau)


class Optimised:
    """The flat parameters of a network with their gradient and Adam's moments (Kingma and Ba, 2015)."""

    def __init__(self, network: nn.Module, rate: float, gradient_clip: float | None, name: str) -> None:
        self.flat = flatten(network)
        self._name, self._clip = name, gradient_clip
        self._gradient = torch.zeros_like(self.flat)
        self._parameters = list(network.parameters())
        for parameter, piece in zip(self._parameters, _pieces(self._gradient, self._parameters), strict=True):
            parameter.grad = piece
        self.flat.grad = self._gradient
        self._adam = torch.optim.Adam([self.flat], lr=rate, fused=True)
        # Adam would create these at its first step; they are needed at once so that a state can be loaded into them.
        self._moments: dict[str, Any] = {
            "step": torch.zeros((), dtype=torch.float32),
            "exp_avg": torch.zeros_like(self.flat),
            "exp_avg_sq": torch.zeros_like(self.flat),
        }
        self._adam.state[self.flat] = self._moments

    def descend(self, loss: Tensor) -> None:
        """One step down ``loss ()``; only this network's parameters get a gradient.

        Raises:
            RunError: the gradient is not finite.

        """
        self._gradient.zero_()
        torch.autograd.backward(loss, inputs=self._parameters)
        norm = float(torch.linalg.vector_norm(self._gradient))
        if not np.isfinite(norm):
            raise RunError(
                f"{self._name}: the gradient's norm is {norm}; the learning rate or the rewards are too large"
            )
        if self._clip is not None and norm > self._clip:
            self._gradient.mul_(self._clip / norm)
        self._adam.step()

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Parameters and moments."""
        return {"values": self.flat.numpy().copy()} | {name: t.numpy().copy() for name, t in self._moments.items()}

    def load_state_dict(self, arrays: Arrays) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            InputError: it belongs to a network of another size.

        """
        load_flat(self.flat, arrays["values"], self._name)
        for name, tensor in self._moments.items():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def load_flat(flat: Tensor, values: NDArray[np.generic], name: str) -> None:
    """Copy ``values`` into the flat parameters of the network called ``name``.

    Raises:
        InputError: their number differs.

    """
    if values.shape != tuple(flat.shape):
        raise InputError(f"{name}: {values.size} saved parameters; the network has {flat.numel()}")
    flat.copy_(torch.from_numpy(np.array(values)))


def _pieces(flat: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Views of ``flat`` in the parameters' shapes."""
    parts = torch.split(flat, [parameter.numel() for parameter in parameters])
    return [part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)]
