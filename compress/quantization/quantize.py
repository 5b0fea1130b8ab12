"""From a float network and a policy to its fake-quantised network."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.graph.signs import signed_nodes
from compress.policy.schema import Policy
from compress.quantization.attention import take_attention_apart
from compress.quantization.fold import fold_batch_norms
from compress.quantization.grid import Grid
from compress.quantization.layers import fake_quantized
from compress.quantization.observe import observe_inputs
from compress.quantization.ranges import Histogram, Target, activation_grid
from compress.quantization.rounding import round_to_nearest

__all__ = ["quantizable_layers", "quantize_model"]


def quantize_model(
    model: nn.Module,
    graph: nx.DiGraph,
    images: Tensor,
    policy: Policy,
    *,
    masks: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """The fake-quantised copy of a network: ranges from calibration images, repairs as the policy says.

    Every ``nn.Conv2d`` and ``nn.Linear`` that runs becomes a
    :class:`~compress.quantization.layers.FakeQuantConv2d` or ``FakeQuantLinear`` of the same name;
    :mod:`compress.quantization` states the conventions.

    Args:
        model: float, perhaps pruned; it is not changed.
        graph: its layer graph.
        images: ``(images, channels, height, width)`` for calibration, as the model wants them; no labels are needed.
        policy: widths per layer; ranges and repairs in ``policy.quantization``.
        masks: layer -> bool in its weight's shape, False where a weight was pruned and must stay zero.

    Raises:
        WorkloadError: a mask does not fit its layer, or a layer reads values that are not finite.
    """
    quantization = policy.quantization
    network = fold_batch_norms(model, graph)
    if not quantization.enabled:
        return network
    take_attention_apart(network, graph)
    layers = quantizable_layers(network)
    _check_masks(layers, masks or {})
    seen = observe_inputs(network, list(layers), images)
    signed = _signed_inputs(graph)
    for name, histogram in seen.items():
        layer, widths = layers[name], policy.of(name)
        grid = _input_grid(histogram, policy, widths.a_bits, signed=signed.get(name, True))
        kept = (masks or {}).get(name)
        weights = round_to_nearest(layer, widths.w_bits, quantization.weight_range, kept)
        network.set_submodule(name, fake_quantized(layer, weights, grid))
    return network


def quantizable_layers(model: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Every convolution and linear layer by name; those within attention that was not taken apart are left out."""
    inside = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.MultiheadAttention))
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not name.startswith(inside)
    }


def _check_masks(layers: Mapping[str, nn.Conv2d | nn.Linear], masks: Mapping[str, Tensor]) -> None:
    for name, mask in masks.items():
        if name not in layers:
            raise WorkloadError(f"masks: {name!r} is no convolution or linear layer of the network")
        shape = tuple(layers[name].weight.shape)
        if tuple(mask.shape) != shape:
            raise WorkloadError(f"masks: that of {name} has shape {tuple(mask.shape)}; allowed: {shape}")


def _signed_inputs(graph: nx.DiGraph) -> dict[str, bool]:
    """Layer -> whether what it reads can be negative, in any of its runs."""
    signed, reads = signed_nodes(graph), dict[str, bool]()
    for _, data in graph.nodes(data=True):
        weight = data["parameters"].get("weight")
        if data["gemm"] is not None and weight is not None:
            layer = weight.removesuffix("weight").rstrip("._")
            producer = data["operands"][data["gemm"].activation].producer
            reads[layer] = reads.get(layer, False) or producer is None or signed[producer]
    return reads


def _input_grid(seen: Histogram, policy: Policy, bits: int, *, signed: bool) -> Grid:
    quantization = policy.quantization
    target = Target(bits, signed, quantization.activation_symmetric)
    return activation_grid(quantization.activation_range, seen, target)
