"""Noisy layers: factorised noise that is one."""

from __future__ import annotations

import math

import pytest
import torch

from rl.agents.layers import NoisyLinear, linear, resample_noise


def noisy_layer(inputs: int = 12, outputs: int = 9, scale: float = 0.5) -> NoisyLinear:
    return NoisyLinear(inputs, outputs, scale, torch.Generator().manual_seed(0))


def test_noise_is_an_outer_product_of_two_vectors() -> None:
    """A matrix of independent draws, which peers call factorised, has full rank."""
    layer = noisy_layer()
    resample_noise([layer], torch.Generator().manual_seed(1))
    assert torch.linalg.matrix_rank(layer.weight_noise) == 1
    # All bias noise is the outputs' vector: the weights' rows are proportional to it.
    ratios = layer.weight_noise / layer.bias_noise[:, None]
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios))
    assert not torch.allclose(layer.bias_noise, ratios[0, :9])


def test_factors_are_signed_square_roots() -> None:
    layer = noisy_layer(2, 30_000)
    generator = torch.Generator().manual_seed(2)
    normal = torch.randn(30_002, generator=torch.Generator().manual_seed(2))
    resample_noise([layer], generator)
    expected = torch.sign(normal) * torch.sqrt(torch.abs(normal))
    torch.testing.assert_close(layer.bias_noise, expected[2:])
    torch.testing.assert_close(layer.weight_noise, torch.outer(expected[2:], expected[:2]))
    # E f(x)² = E|x| = √(2/π)
    assert float(layer.bias_noise.square().mean()) == pytest.approx(math.sqrt(2 / math.pi), rel=0.02)


def test_noise_is_drawn_anew_and_differs_between_layers() -> None:
    one, other = noisy_layer(), noisy_layer()
    generator = torch.Generator().manual_seed(3)
    resample_noise([one, other], generator)
    before = one.weight_noise.clone()
    assert not torch.equal(one.weight_noise, other.weight_noise)
    resample_noise([one, other], generator)
    assert not torch.equal(one.weight_noise, before)


def test_output_is_that_of_the_formula() -> None:
    layer = noisy_layer()
    resample_noise([layer], torch.Generator().manual_seed(4))
    x = torch.randn(5, 12)
    weight = layer.weight + layer.weight_deviation * layer.weight_noise
    torch.testing.assert_close(layer(x), x @ weight.T + layer.bias + layer.bias_deviation * layer.bias_noise)
    layer.noisy = False
    torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_first_values_are_those_of_the_paper() -> None:
    layer = noisy_layer(inputs=25, scale=0.5)
    assert torch.all(layer.weight_deviation == 0.5 / 5)
    assert float(layer.weight.detach().abs().max()) <= 1 / 5


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    linear(4, 4, torch.Generator().manual_seed(0))
    resample_noise([noisy_layer()], torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())
