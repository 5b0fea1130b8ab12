"""From a float network and a policy to its fake-quantised network."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import networkx as nx
import torch
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.accuracy import batch_workers
from compress.graph.signs import signed_nodes
from compress.policy.schema import Policy, Quantization
from compress.quantization.attention import take_attention_apart
from compress.quantization.fit import LayerFit, fit_layer, needs_outputs, quantize_weights
from compress.quantization.fold import fold_batch_norms, foldable_pairs
from compress.quantization.layers import fake_quantized
from compress.quantization.observe import observe_inputs
from compress.quantization.ranges import Target, activation_grid
from compress.quantization.reference import Reference
from compress.quantization.repairs.batch_norm import adjust
from compress.quantization.repairs.equalisation import equalise, neighbouring_layers, rescale
from compress.quantization.repairs.lockstep import fit_layers

__all__ = ["quantizable_layers", "quantize_model", "signed_inputs"]


def quantize_model(
    model: nn.Module,
    graph: nx.DiGraph,
    images: Tensor,
    policy: Policy,
    *,
    reference: Reference | None = None,
    masks: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> nn.Module:
    """The fake-quantised copy of a network: ranges from calibration images, repairs as the policy says.

    Every ``nn.Conv2d`` and ``nn.Linear`` that runs becomes a
    :class:`~compress.quantization.layers.FakeQuantConv2d` or ``FakeQuantLinear`` of the same name;
    :mod:`compress.quantization` states the conventions.

    Args:
        model: float, perhaps pruned; it is not changed.
        graph: its layer graph.
        images: ``(images, channels, height, width)`` for calibration, as the model wants them; no labels are needed.
            Repairs run all of them as one batch, so they must fit into memory.
        policy: widths per layer; ranges and repairs in ``policy.quantization``. Where that is not enabled, the copy is
            float, with batch normalisation folded.
        reference: the float network that repairs bring the outputs back to, such as the one before pruning; the model
            itself if left out.
        masks: layer -> bool in its weight's shape, False where a weight was pruned and must stay zero.
        seed: of the sample of positions that repairs look at; the same seed gives the same network.

    Raises:
        WorkloadError: a mask does not fit its layer, the reference has other layers than the model, or a layer reads
            values that are not finite.
    """
    network = fold_batch_norms(model, graph)
    take_attention_apart(network, graph)
    if not policy.quantization.enabled:
        return network
    goal = _goal(network, graph, policy.quantization, reference)
    _check_masks(network, masks or {})
    return _Quantizer(network, goal, graph, images, policy, masks or {}).run(
        pruned=reference is not None, generator=torch.Generator().manual_seed(seed)
    )


def _goal(network: nn.Module, graph: nx.DiGraph, switches: Quantization, reference: Reference | None) -> Reference:
    """The float network of repairs, folded like the other; a copy only where a repair looks at it."""
    if not (needs_outputs(switches) or switches.equalisation or switches.batch_norm_reestimation):
        return Reference(network)
    if reference is None:
        return Reference(copy.deepcopy(network))
    folded = fold_batch_norms(reference.model, graph)
    take_attention_apart(folded, graph)
    goal = Reference(folded, reference.channels)
    _check_reference(network, goal)
    return goal


class _Quantizer:
    """The stages of :func:`quantize_model` on copies that it may change."""

    def __init__(
        self,
        network: nn.Module,
        goal: Reference,
        graph: nx.DiGraph,
        images: Tensor,
        policy: Policy,
        masks: Mapping[str, Tensor],
    ) -> None:
        self._network, self._goal, self._graph = network, goal, graph
        self._images, self._policy, self._masks = images, policy, masks
        self._switches = policy.quantization
        self._normalised = {layer for layer, _ in foldable_pairs(network, graph)}

    def run(self, *, pruned: bool, generator: torch.Generator) -> nn.Module:
        if self._switches.equalisation:
            self._equalise()
        if self._switches.batch_norm_reestimation and pruned:
            self._reestimate()
        fits = self._fits()
        if needs_outputs(self._switches):
            self._fit_in_lockstep(fits, generator)
        else:
            self._round(fits)
        return self._network

    def _round(self, fits: Mapping[str, LayerFit]) -> None:
        """Layers side by side, each in one thread."""

        def rounded(fit: LayerFit) -> nn.Module:
            return fake_quantized(fit.layer, quantize_weights(fit, self._switches), fit.input_grid)

        with batch_workers(torch.device("cpu")) as workers:
            for name, layer in zip(fits, workers.map(rounded, fits.values()), strict=True):
                self._network.set_submodule(name, layer)

    def _equalise(self) -> None:
        for pair, factors in equalise(self._network, neighbouring_layers(self._network, self._graph)):
            kept = self._goal.channels.get(pair.first)
            if kept is not None:
                whole = factors.new_ones(quantizable_layers(self._goal.model)[pair.first].weight.shape[0])
                factors = whole.index_copy(0, kept, factors)
            rescale(self._goal.model, pair, factors)

    def _reestimate(self) -> None:
        """On the float network, so that ranges are taken behind it."""
        names = [*self._normalised, *self._batch_norms()]
        fit_layers(self._network, self._goal, names, self._images, lambda _, layer, x, y: adjust(layer, x, y))

    def _batch_norms(self) -> list[str]:
        """Those that are not folded."""
        kinds = nn.BatchNorm1d | nn.BatchNorm2d
        return [name for name, module in self._network.named_modules() if isinstance(module, kinds)]

    def _fits(self) -> dict[str, LayerFit]:
        layers = quantizable_layers(self._network)
        signed = signed_inputs(self._graph)
        seen = observe_inputs(self._network, list(layers), self._images)

        def fit(name: str) -> LayerFit:
            widths, rule = self._policy.of(name), self._switches.activation_range
            target = Target(widths.a_bits, signed.get(name, True), self._switches.activation_symmetric)
            grid = activation_grid(rule, seen[name], target)
            return LayerFit(layers[name], widths.w_bits, grid, name in self._normalised, self._masks.get(name))

        with batch_workers(torch.device("cpu")) as workers:
            return dict(zip(seen, workers.map(fit, seen), strict=True))

    def _fit_in_lockstep(self, fits: Mapping[str, LayerFit], generator: torch.Generator) -> None:
        def fit(name: str, layer: nn.Module, x: Tensor, wanted: Tensor) -> nn.Module:
            if name not in fits:
                return adjust(layer, x, wanted)
            return fit_layer(fits[name], self._switches, x, wanted, generator)

        norms = self._batch_norms() if self._switches.batch_norm_reestimation else []
        fit_layers(self._network, self._goal, [*fits, *norms], self._images, fit)


def quantizable_layers(model: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Every convolution and linear layer by name; those within attention that was not taken apart are left out."""
    inside = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.MultiheadAttention))
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not name.startswith(inside)
    }


def _check_reference(network: nn.Module, goal: Reference) -> None:
    layers, others = quantizable_layers(network), quantizable_layers(goal.model)
    for name in {**layers, **others}:
        ours = layers[name].weight.shape[0] if name in layers else None
        theirs = goal.filters(name, others[name].weight.shape[0]) if name in others else None
        if ours != theirs:
            raise WorkloadError(f"reference: layer {name} has {theirs} filters; allowed: those of the model, {ours}")


def _check_masks(network: nn.Module, masks: Mapping[str, Tensor]) -> None:
    layers = quantizable_layers(network)
    for name, mask in masks.items():
        if name not in layers:
            raise WorkloadError(f"masks: {name!r} is no convolution or linear layer of the network")
        shape = tuple(layers[name].weight.shape)
        if tuple(mask.shape) != shape:
            raise WorkloadError(f"masks: that of {name} has shape {tuple(mask.shape)}; allowed: {shape}")


def signed_inputs(graph: nx.DiGraph) -> dict[str, bool]:
    """Layer -> whether what it reads can be negative, in any of its runs."""
    signed, reads = signed_nodes(graph), dict[str, bool]()
    for _, data in graph.nodes(data=True):
        weight = data["parameters"].get("weight")
        if data["gemm"] is not None and weight is not None:
            layer = weight.removesuffix("weight").rstrip("._")
            producer = data["operands"][data["gemm"].activation].producer
            reads[layer] = reads.get(layer, False) or producer is None or signed[producer]
    return reads
