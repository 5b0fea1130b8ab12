"""Layers of the learners' networks, initialised from a given generator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["NoisyLinear", "linear", "resample_noise", "stack"]


def linear(inputs: int, outputs: int, generator: torch.Generator, bound: float | None = None) -> nn.Linear:
    """A linear layer, uniform in ±``bound``, by default ±1/√inputs; the global generator is left alone."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    bound = 1.0 / math.sqrt(inputs) if bound is None else bound
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


def stack(inputs: int, hidden: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers of widths ``hidden``, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for outputs in hidden:
        layers += [linear(inputs, outputs, generator), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers)


class NoisyLinear(nn.Module):
    """A linear layer with factorised Gaussian noise on its weights (Fortunato et al., 2018).

    ``y = (μ + σ ∘ f(ε_out) f(ε_in)ᵀ) x + μ_b + σ_b ∘ f(ε_out)`` with ``f(x) = sgn(x)·√|x|``: one standard normal per
    input and one per output, not one per weight. The noise stays until :meth:`set_noise`.

    Attributes:
        noisy: whether the noise is applied; without it the layer is ``μ x + μ_b``.

    """

    weight_noise: Tensor
    bias_noise: Tensor

    def __init__(self, inputs: int, outputs: int, noise_scale: float, generator: torch.Generator) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.noisy = True
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound, generator=generator))
        self.weight_deviation = nn.Parameter(torch.full((outputs, inputs), noise_scale * bound))
        self.bias_deviation = nn.Parameter(torch.full((outputs,), noise_scale * bound))
        self.register_buffer("weight_noise", torch.zeros(outputs, inputs))
        self.register_buffer("bias_noise", torch.zeros(outputs))

    def set_noise(self, factors: Tensor) -> None:
        """Take ``f(ε) (inputs + outputs,)``, the inputs' first."""
        from_inputs, from_outputs = torch.split(factors, [self.inputs, self.outputs])
        torch.outer(from_outputs, from_inputs, out=self.weight_noise)
        self.bias_noise.copy_(from_outputs)

    def forward(self, values: Tensor) -> Tensor:
        """``(B, inputs)`` to ``(B, outputs)``."""
        if not self.noisy:
            return functional.linear(values, self.weight, self.bias)
        weight = torch.addcmul(self.weight, self.weight_deviation, self.weight_noise)
        return functional.linear(values, weight, torch.addcmul(self.bias, self.bias_deviation, self.bias_noise))


@torch.no_grad()
def resample_noise(layers: Sequence[NoisyLinear], generator: torch.Generator) -> None:
    """Draw new noise for all ``layers`` at once."""
    sizes = [layer.inputs + layer.outputs for layer in layers]
    if not sizes:
        return
    normal = torch.randn(sum(sizes), generator=generator)
    factors = normal.abs().sqrt_().copysign_(normal)
    for layer, part in zip(layers, torch.split(factors, sizes), strict=True):
        layer.set_noise(part)
