"""Fake-quantised networks of many policies, assembled from parts that are worked out once.

What a policy changes of a layer is remembered by content: its rounded weights by (weights, kept weights, width), its
input grid by width. Two things differ from :func:`compress.compressed.compress_model`, to save a policy's share of the
time; the candidates of a search are measured without these shortcuts at its end:

* Input grids come from the *float* network's histograms, not from those of the pruned network.
* Repairs that look at inputs (error feedback, least squares) see the float network's inputs, not those behind the
  layers quantised so far; bias correction runs behind the layers corrected so far, but aims at the float network's
  mean outputs, not at the pruned network's.
"""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Generic, TypeVar

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

from compress.accuracy import batch_workers
from compress.policy.schema import Policy, Quantization
from compress.pruning.input_moments import InputMoments, collect_input_moments
from compress.pruning.prune import PrunedLayer, apply_weights
from compress.quantization.attention import take_attention_apart
from compress.quantization.fit import LayerFit, quantize_weights
from compress.quantization.fold import fold_batch_norms
from compress.quantization.grid import Grid, integer_type
from compress.quantization.layers import FakeQuantConv2d, FakeQuantLinear, QuantizedWeights, fake_quantized
from compress.quantization.observe import observe_inputs
from compress.quantization.quantize import quantizable_layers, signed_inputs
from compress.quantization.ranges import Target, activation_grid
from compress.quantization.repairs.channels import channel_means
from compress.quantization.repairs.moments import Moments
from compress.quantization.rounding import ROUNDINGS
from compress.structure.masks import checked_masks, mask_layers
from compress.structure.plan import Plan, make_plan
from compress.structure.routes import Role

__all__ = ["QUICK", "NetworkBuilder", "QuantisedNetwork", "Remembered"]

QUICK = Quantization()
"""The default repairs: what a policy is tried with is what it will be applied with."""

_Value = TypeVar("_Value")


class Remembered(Generic[_Value]):
    """The values of the last ``size`` keys that were asked for."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Any, _Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any, make: Callable[[], _Value]) -> _Value:
        """The value of a key, made if it is not there; threads may ask side by side."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


@dataclass(frozen=True)
class QuantisedNetwork:
    """A network under a policy: of the original's shapes, zero where something was pruned.

    Attributes:
        model: fake-quantised; it answers as the smaller network does.
        plan: what stays of it where filters or channels were pruned, else ``None``.
    """

    model: nn.Module
    plan: Plan | None

    @property
    def layers(self) -> dict[str, FakeQuantConv2d | FakeQuantLinear]:
        """The quantised layers by name."""
        kinds = FakeQuantConv2d | FakeQuantLinear
        return {name: module for name, module in self.model.named_modules() if isinstance(module, kinds)}


class NetworkBuilder:
    """Makes the quantised network of any policy of one float model.

    Args:
        model: float, on the CPU; it is not changed.
        graph: its layer graph.
        images: ``(images, channels, height, width)`` for ranges, repairs and mean outputs.
        switches: ranges, rounding, reconstruction and bias correction; other repairs are not looked at.
        bias_images: how many of the images bias correction runs on.
    """

    def __init__(
        self, model: nn.Module, graph: nx.DiGraph, images: Tensor, switches: Quantization, bias_images: int
    ) -> None:
        self._model, self._graph, self._switches = model, graph, switches
        self._float = self._folded(model)
        self._bias_images = images[:bias_images].contiguous(memory_format=torch.channels_last)
        names = list(quantizable_layers(self._float))
        with batch_workers(torch.device("cpu")):  # one thread: sums that do not depend on the machine's load
            self._histograms = observe_inputs(self._float, names, images)
            self._wanted = self._float_means()
            self._inputs = self._float_inputs(images)
        self._signed = signed_inputs(graph)
        self._grids: dict[tuple[str, int], Grid] = {}
        self._weights = Remembered[QuantizedWeights](64 * len(names))

    def build(self, policy: Policy, pruned: Mapping[str, PrunedLayer]) -> QuantisedNetwork:
        """The network of a policy.

        Args:
            pruned: layers with pruned weights, as :func:`compress.pruning.prune.choose_pruning` gives them.
        """
        model, plan = self._pruned(pruned)

        def quantised(item: tuple[str, nn.Conv2d | nn.Linear]) -> tuple[str, nn.Module]:
            name, layer = item
            entry = policy.of(name)
            weights = self._rounded(name, layer, entry.w_bits, partial=name in pruned or plan is not None)
            return name, fake_quantized(layer, weights, self._grid(name, entry.a_bits))

        running = [item for item in quantizable_layers(model).items() if item[0] in self._histograms]
        with batch_workers(torch.device("cpu")) as workers:
            for name, layer in workers.map(quantised, running):
                model.set_submodule(name, layer)
        network = QuantisedNetwork(model, plan)
        if self._switches.bias_correction:
            self._correct_biases(network)
        return network

    def _folded(self, model: nn.Module) -> nn.Module:
        folded = fold_batch_norms(model, self._graph)
        take_attention_apart(folded, self._graph)
        return folded

    def _pruned(self, pruned: Mapping[str, PrunedLayer]) -> tuple[nn.Module, Plan | None]:
        """The folded float network with pruned weights, and zeros wherever the smaller network has nothing."""
        if not pruned:
            return copy.deepcopy(self._float), None
        changed = apply_weights(self._model, pruned)
        filters = {name: layer.kept_filters for name, layer in pruned.items() if layer.kept_filters is not None}
        channels = {name: layer.kept_channels for name, layer in pruned.items() if layer.kept_channels is not None}
        if not filters and not channels:
            return self._folded(changed), None
        plan = make_plan(self._graph, *checked_masks(self._graph, filters, channels))
        model = self._folded(mask_layers(changed, self._graph, filters, channels))
        for name, layer in quantizable_layers(model).items():
            if name in plan.inputs and plan.channels[name].role is Role.MAKE:
                gone = np.setdiff1d(np.arange(layer.weight.shape[1]), plan.inputs[name])
                layer.weight.data[:, torch.from_numpy(gone)] = 0
        return model, plan

    def _grid(self, name: str, bits: int) -> Grid:
        if (name, bits) not in self._grids:
            target = Target(bits, self._signed.get(name, True), self._switches.activation_symmetric)
            self._grids[name, bits] = activation_grid(self._switches.activation_range, self._histograms[name], target)
        return self._grids[name, bits]

    def _rounded(self, name: str, layer: nn.Conv2d | nn.Linear, bits: int, *, partial: bool) -> QuantizedWeights:
        """A layer's integers; ``partial`` says that zeros among the weights are not there and stay zero."""
        key = (name, bits, partial, _digest(layer.weight, layer.bias))
        return self._weights.get(key, lambda: self._round(name, layer, bits, partial=partial))

    def _round(self, name: str, layer: nn.Conv2d | nn.Linear, bits: int, *, partial: bool) -> QuantizedWeights:
        kept = layer.weight != 0 if partial else None
        fit = LayerFit(layer, bits, self._grid(name, 8), normalised=False, kept=kept)
        rounded = quantize_weights(fit, self._switches, self._moments(name) if name in self._inputs else None)
        # A filter that is gone has no bias either, whatever a repair thinks that its mean output should be.
        bias = None if rounded.bias is None else rounded.bias * ~_gone(layer)
        return QuantizedWeights(rounded.integers.to(integer_type(bits, signed=True)), rounded.scales, bias, bits)

    def _moments(self, name: str) -> Moments:
        """Of the float network's inputs, and of its outputs, which follow from them."""
        layer = self._float.get_submodule(name)
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        seen = self._inputs[name]
        covariance = seen.moments - seen.means[:, :, None] * seen.means[:, None, :]
        weights = layer.weight.detach().double().reshape(len(covariance), -1, covariance.shape[-1])
        means = (weights @ seen.means[:, :, None])[:, :, 0]
        if layer.bias is not None:
            means = means + layer.bias.detach().double().reshape(means.shape)
        return Moments(covariance, weights @ covariance, seen.means, means)

    def _float_inputs(self, images: Tensor) -> Mapping[str, InputMoments]:
        """What repairs that look at inputs need; nothing where none does."""
        looks = self._switches.reconstruction != "none" or ROUNDINGS[self._switches.rounding].needs_covariance
        return collect_input_moments(self._float, list(self._histograms), images) if looks else {}

    @torch.inference_mode()
    def _float_means(self) -> dict[str, Tensor]:
        """Mean output of every layer's channels on the images of the bias correction."""
        means: dict[str, Tensor] = {}

        def note(name: str, layer: nn.Module, _: Any, output: Tensor) -> None:
            means[name] = channel_means(output, layer)

        layers = quantizable_layers(self._float)
        hooks = [layers[name].register_forward_hook(partial(note, name)) for name in self._histograms]
        try:
            self._float(self._bias_images)
        finally:
            for hook in hooks:
                hook.remove()
        return means

    @torch.inference_mode()
    def _correct_biases(self, network: QuantisedNetwork) -> None:
        """One run in which every layer's mean outputs are put right before the next layer reads them."""

        def correct(name: str, layer: FakeQuantConv2d | FakeQuantLinear, _: Any, output: Tensor) -> Tensor:
            shift = (self._wanted[name] - _means(output, layer)) * ~_gone_integers(layer)
            layer.bias = shift.float() if layer.bias is None else layer.bias + shift.float()
            return output + (shift.float() if isinstance(layer, FakeQuantLinear) else shift.float()[:, None, None])

        hooks = [layer.register_forward_hook(partial(correct, name)) for name, layer in network.layers.items()]
        try:
            with batch_workers(torch.device("cpu")):
                network.model(self._bias_images)
        finally:
            for hook in hooks:
                hook.remove()


def _means(output: Tensor, layer: FakeQuantConv2d | FakeQuantLinear) -> Tensor:
    """``(channels,)`` float64."""
    if isinstance(layer, FakeQuantLinear):
        return output.flatten(0, -2).mean(0, dtype=torch.float64)
    return output.mean((0, 2, 3), dtype=torch.float64)


def _gone(layer: nn.Conv2d | nn.Linear) -> Tensor:
    """``(channels,)`` bool: filters of which nothing is left, no bias either."""
    empty = (layer.weight == 0).flatten(1).all(1)
    return empty if layer.bias is None else empty & (layer.bias == 0)


def _gone_integers(layer: FakeQuantConv2d | FakeQuantLinear) -> Tensor:
    empty = (layer.weight_integers == 0).flatten(1).all(1)
    return empty if layer.bias is None else empty & (layer.bias == 0)


def _digest(*tensors: Tensor | None) -> bytes:
    """Of the tensors' bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        if tensor is not None:
            digest.update(tensor.detach().contiguous().numpy().data)
    return digest.digest()
