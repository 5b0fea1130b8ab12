"""One layer from float to integers, with the repairs that a policy asks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from compress.policy.schema import Quantization
from compress.quantization.grid import Grid
from compress.quantization.layers import FakeQuantConv2d, FakeQuantLinear, QuantizedWeights, fake_quantized
from compress.quantization.ranges import weight_scales
from compress.quantization.repairs.batch_norm import restoring_gain_and_shift
from compress.quantization.repairs.bias_correction import bias_shift
from compress.quantization.repairs.least_squares import fit_weights
from compress.quantization.repairs.moments import Moments, layer_moments
from compress.quantization.rounding import ROUNDINGS, WeightsToRound

__all__ = ["LayerFit", "fit_layer", "needs_outputs", "quantize_weights"]


@dataclass(frozen=True)
class LayerFit:
    """What is known of a layer before it is quantised.

    Attributes:
        layer: float, with batch normalisation folded in.
        w_bits: of its weights.
        input_grid: what its input is rounded to.
        normalised: whether a batch normalisation was folded into it.
        kept: bool in the weight's shape, False where pruned; ``None`` for all.
    """

    layer: nn.Conv2d | nn.Linear
    w_bits: int
    input_grid: Grid
    normalised: bool
    kept: Tensor | None = None


def needs_outputs(switches: Quantization) -> bool:
    """Whether any repair wants to see what layers read and what they should give."""
    outputs = switches.bias_correction or switches.batch_norm_reestimation or switches.reconstruction != "none"
    return outputs or ROUNDINGS[switches.rounding].needs_covariance


def quantize_weights(fit: LayerFit, switches: Quantization, moments: Moments | None = None) -> QuantizedWeights:
    """A layer's weights as integers.

    Args:
        fit: the layer.
        switches: range, rounding and reconstruction.
        moments: of its inputs and wanted outputs; for the switches that need them.
    """
    shape, groups = fit.layer.weight.shape, fit.layer.groups if isinstance(fit.layer, nn.Conv2d) else 1
    kept = None if fit.kept is None else fit.kept.reshape(groups, shape[0] // groups, -1)
    weights = fit.layer.weight.detach().double().reshape(groups, shape[0] // groups, -1)
    weights, bias = weights if kept is None else weights * kept, fit.layer.bias
    if switches.reconstruction == "least_squares":
        assert moments is not None
        weights = fit_weights(weights, moments, kept)
        bias = moments.bias_of(weights)
    rows, kept_rows = weights.flatten(0, 1), None if kept is None else kept.flatten(0, 1)
    scales = weight_scales(switches.weight_range, rows, fit.w_bits, kept_rows).reshape(groups, -1)
    covariance = None if moments is None else moments.covariance
    given = WeightsToRound(weights, scales, fit.w_bits, kept, covariance)
    integers, scales = ROUNDINGS[switches.rounding].round(given)
    return QuantizedWeights(integers.reshape(shape), scales.flatten(), bias, fit.w_bits)


def fit_layer(
    fit: LayerFit, switches: Quantization, x: Tensor, wanted: Tensor, generator: torch.Generator
) -> FakeQuantConv2d | FakeQuantLinear:
    """The fake-quantised layer, repaired on what it reads behind the layers quantised so far.

    Args:
        x: what the layer reads.
        wanted: what the float reference's layer gives on the same images.
        generator: draws the sample of rows.
    """
    moments = None
    if switches.reconstruction != "none" or ROUNDINGS[switches.rounding].needs_covariance:
        moments = layer_moments(fit.layer, fit.input_grid.fake_quantize(x), wanted, generator)
    weights = quantize_weights(fit, switches, moments)
    rounded = fake_quantized(fit.layer, weights, fit.input_grid)
    if switches.batch_norm_reestimation and fit.normalised:
        gain, shift = restoring_gain_and_shift(rounded(x), wanted, fit.layer)
    elif switches.bias_correction:
        shift = bias_shift(rounded(x), wanted, fit.layer)
        gain = torch.ones_like(shift)
    else:
        return rounded
    bias = shift if weights.bias is None else weights.bias.double() * gain + shift
    adjusted = QuantizedWeights(weights.integers, weights.scales * gain, bias, weights.bits)
    return fake_quantized(fit.layer, adjusted, fit.input_grid)
