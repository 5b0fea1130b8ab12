"""A compressed network as files: tensors, policy, what changed; and back.

``model.safetensors`` holds every tensor of the quantised network (integer weights as integers) and the masks of what
was taken out, its metadata the input grids; with ``policy.yaml`` and the original architecture that is the network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from accel_sim.files import make_directory, write_atomically
from compress.compressed import CompressedModel, RemovedStructures
from compress.graph.trace import layer_graph
from compress.policy.load import policy_yaml
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, Grid, fold_batch_norms
from compress.quantization.attention import take_attention_apart
from compress.quantization.layers import QuantizedWeights, fake_quantized
from compress.structure.shrink import shrink

__all__ = ["load_quantised", "save_compressed"]

WEIGHTS, POLICY, LAYERS = "model.safetensors", "policy.yaml", "layers.csv"
_MODEL, _FILTERS, _CHANNELS = "model.", "kept_filters.", "kept_channels."


def save_compressed(compressed: CompressedModel, directory: Path) -> tuple[Path, ...]:
    """Write weights and policy into ``directory``, each file complete or not at all.

    Raises:
        InputError: the directory cannot be written.
    """
    make_directory(directory)
    tensors = {_MODEL + name: tensor for name, tensor in compressed.model.state_dict().items()}
    tensors |= {_FILTERS + name: kept for name, kept in compressed.removed.kept_filters.items()}
    tensors |= {_CHANNELS + name: kept for name, kept in compressed.removed.kept_channels.items()}
    contiguous = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    metadata = {"format": "bitgrove 1", "layers": json.dumps(_grids(compressed.model))}
    contents = {WEIGHTS: save(contiguous, metadata), POLICY: policy_yaml(compressed.policy).encode()}
    for name, content in contents.items():
        write_atomically(directory / name, content)
    return tuple(directory / name for name in contents)


def _grids(model: nn.Module) -> dict[str, dict[str, Any]]:
    quantised = (FakeQuantConv2d, FakeQuantLinear)
    return {
        path: {"w_bits": module.w_bits, "input_grid": asdict(module.input_grid)}
        for path, module in model.named_modules()
        if isinstance(module, quantised)
    }


def load_quantised(path: Path, model: nn.Module, example_input: Tensor) -> nn.Module:
    """The quantised network that :func:`save_compressed` wrote.

    Args:
        path: ``model.safetensors``.
        model: the original architecture, with any weights; it is not changed.
        example_input: ``(batch, channels, height, width)``.

    Raises:
        WorkloadError: no such file, damaged, not written by :func:`save_compressed`, or of another network.
    """
    tensors, layers = _read(path)
    removed = RemovedStructures(_part(tensors, _FILTERS), _part(tensors, _CHANNELS))
    try:
        graph = layer_graph(model, example_input)
        small = shrink(model, graph, removed.kept_filters, removed.kept_channels)
        small_graph = layer_graph(small, example_input)
        network = fold_batch_norms(small, small_graph)
        if layers:
            take_attention_apart(network, small_graph)
        state = _part(tensors, _MODEL)
        for name, facts in layers.items():
            network.set_submodule(name, _quantised(network.get_submodule(name), state, name, facts))
        network.load_state_dict(state)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise WorkloadError(f"{path}: does not fit {type(model).__name__}: {text}") from error
    return network.eval()


def _quantised(layer: nn.Module, state: Mapping[str, Tensor], name: str, facts: Mapping[str, Any]) -> nn.Module:
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        raise TypeError(f"{name} is {type(layer).__name__}")
    weights = QuantizedWeights(
        state[f"{name}.weight_integers"],
        state[f"{name}.weight_scales"],
        state.get(f"{name}.bias"),
        int(facts["w_bits"]),
    )
    return fake_quantized(layer, weights, Grid(**facts["input_grid"]))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise WorkloadError(f"{path}: no such file; allowed: the {WEIGHTS} of a compressed network")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise WorkloadError(f"{path}: cannot be read as safetensors: {error}") from error
    if metadata.get("format") != "bitgrove 1":
        raise WorkloadError(f"{path}: is no compressed network; allowed: the {WEIGHTS} that bitgrove compress writes")
    return tensors, json.loads(metadata["layers"])


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
