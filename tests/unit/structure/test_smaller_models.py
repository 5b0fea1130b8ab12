"""Removed equals masked, on every architecture, whatever goes."""

from __future__ import annotations

from functools import lru_cache

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from torch import Tensor, nn

from compress.graph.lower import workload_from_graph
from compress.graph.trace import layer_graph
from compress.structure.masks import mask_channels, mask_layers
from compress.structure.modules import GatherChannels, ScatterChannels
from compress.structure.sets import ChannelSet, channel_sets
from compress.structure.shrink import remove_channels, shrink
from tests.unit.structure.networks import NARROW, PUBLISHED, build, images

quick = settings(deadline=None, derandomize=True, max_examples=2)
thorough = settings(deadline=None, derandomize=True, max_examples=6)


@lru_cache(maxsize=1)
def prepared(name: str) -> tuple[nn.Module, nx.DiGraph, tuple[ChannelSet, ...], Tensor]:
    make, size = (NARROW | PUBLISHED)[name]
    model = build(make)
    x = images(size, model)
    graph = layer_graph(model, x)
    return model, graph, channel_sets(graph), x


def outputs(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = model(x)
    assert isinstance(y, Tensor)
    return y


def assert_equal(small: nn.Module, masked: nn.Module, x: Tensor) -> None:
    expected = outputs(masked, x)
    assert torch.allclose(outputs(small, x), expected, rtol=0, atol=1e-10 * max(1.0, float(expected.abs().max())))


def random_removals(sets: tuple[ChannelSet, ...], random: Generator) -> dict[str, list[int]]:
    return {
        s.name: random.permutation(s.size)[: int(random.choice([0.1, 0.5, 0.9]) * s.size)].tolist()
        for s in sets
        if s.prunable and random.random() < 0.7
    }


def layers_of(graph: nx.DiGraph) -> list[tuple[str, int, int]]:
    """Name, filters and input channels of every convolution and linear layer."""
    found = []
    for name, data in graph.nodes(data=True):
        if data["kind"] in ("conv2d", "linear"):
            axis = -3 if data["kind"] == "conv2d" else -1
            found.append((name, data["output_shapes"][0][axis], data["input_shapes"][0][axis]))
    return found


def random_masks(graph: nx.DiGraph, random: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    ratio = random.choice([0.2, 0.6, 0.95])
    filters, inputs = {}, {}
    for name, rows, columns in layers_of(graph):
        if random.random() < 0.7:
            filters[name] = torch.from_numpy(random.random(rows) >= ratio)
        if random.random() < 0.3:
            inputs[name] = torch.from_numpy(random.random(columns) >= ratio)
    return filters, inputs


def check_removal(name: str, seed: int) -> None:
    model, graph, sets, x = prepared(name)
    removals = random_removals(sets, np.random.default_rng(seed))
    assert_equal(remove_channels(model, graph, removals), mask_channels(model, graph, removals), x)


def check_shrink(name: str, seed: int) -> None:
    model, graph, _, x = prepared(name)
    filters, inputs = random_masks(graph, np.random.default_rng(seed))
    assert_equal(shrink(model, graph, filters, inputs), mask_layers(model, graph, filters, inputs), x)


def check_almost_everything_removed(name: str) -> None:
    model, graph, sets, x = prepared(name)
    removals = {s.name: range(int(np.ceil(0.99 * s.size))) for s in sets if s.prunable}
    small = remove_channels(model, graph, removals)
    assert_equal(small, mask_channels(model, graph, removals), x)
    for parameter in small.parameters():
        assert parameter.numel() > 0
    again = layer_graph(small, x)
    for layer, rows, columns in layers_of(again):
        assert rows >= 1, layer
        assert columns >= 1, layer


@pytest.mark.parametrize("name", NARROW)
def test_removed_equals_masked(name: str) -> None:
    @quick
    @given(st.integers(0, 10**6))
    def check(seed: int) -> None:
        check_removal(name, seed)

    check()


@pytest.mark.parametrize("name", NARROW)
def test_shrunk_equals_masked(name: str) -> None:
    @quick
    @given(st.integers(0, 10**6))
    def check(seed: int) -> None:
        check_shrink(name, seed)

    check()


@pytest.mark.parametrize("name", NARROW)
def test_one_channel_is_left(name: str) -> None:
    check_almost_everything_removed(name)


@pytest.mark.validate
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name: str) -> None:
    @thorough
    @given(st.integers(0, 10**6))
    def check(seed: int) -> None:
        check_removal(name, seed)
        check_shrink(name, seed)

    check_almost_everything_removed(name)
    check()


def test_float32() -> None:
    model, graph, sets, x = prepared("cifar_resnet")
    model = build(NARROW["cifar_resnet"][0]).float()
    removals = random_removals(sets, np.random.default_rng(3))
    small, masked = remove_channels(model, graph, removals), mask_channels(model, graph, removals)
    expected = outputs(masked, x.float())
    assert torch.allclose(outputs(small, x.float()), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_removal_changes_something_and_keeps_the_original() -> None:
    model, graph, sets, x = prepared("cifar_resnet")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    y = outputs(model, x)
    small = remove_channels(model, graph, {sets[0].name: [0, 20, 30]})
    assert not torch.allclose(outputs(small, x), y)
    assert torch.equal(outputs(model, x), y)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_masked_filters_give_zero_after_batch_norm() -> None:
    model, graph, _, x = prepared("cifar_resnet")
    kept = torch.ones(16, dtype=torch.bool)
    kept[[1, 5]] = False
    masked = mask_layers(model, graph, {"layer1.0.conv1": kept})
    seen: list[Tensor] = []
    masked.get_submodule("layer1.0.bn1").register_forward_hook(lambda module, args, output: seen.append(output))
    outputs(masked, x)
    assert (seen[0].abs().amax((0, 2, 3)) > 0).tolist() == kept.tolist()


def test_one_layer_of_a_sum_drops_filters() -> None:
    """Its own convolution shrinks; the other layers keep the channel."""
    model, graph, _, _ = prepared("cifar_resnet")
    kept = torch.ones(16, dtype=torch.bool)
    kept[::2] = False
    small = shrink(model, graph, {"layer1.0.conv2": kept})
    assert small.get_submodule("layer1.0.conv2").weight.shape == (8, 16, 3, 3)
    assert small.get_submodule("layer1.0.bn2").num_features == 8
    scatters = {name: m.index for name, m in small.named_modules() if isinstance(m, ScatterChannels)}
    assert scatters == {"layer1.0.bn2_scatter": tuple(range(1, 16, 2))}
    assert small.get_submodule("conv1").weight.shape[0] == 16


def test_only_reader_drops_input_channels() -> None:
    """They are not made at all; where there is another reader they are gathered."""
    model, graph, _, _ = prepared("cifar_resnet")
    kept = torch.ones(16, dtype=torch.bool)
    kept[[0, 3]] = False
    small = shrink(model, graph, {}, {"layer1.0.conv2": kept, "layer1.0.conv1": kept})
    assert small.get_submodule("layer1.0.conv1").weight.shape == (14, 14, 3, 3)
    assert small.get_submodule("layer1.0.conv2").weight.shape == (16, 14, 3, 3)
    assert small.get_submodule("conv1").weight.shape[0] == 16
    gathers = [m.index for m in small.modules() if isinstance(m, GatherChannels)]
    assert gathers == [tuple(np.flatnonzero(kept))]


def test_smaller_products_reach_the_simulator() -> None:
    model, graph, _, x = prepared("cifar_resnet")
    kept = torch.ones(16, dtype=torch.bool)
    kept[:12] = False
    small = shrink(model, graph, {"layer1.0.conv1": kept, "layer1.0.conv2": kept})
    layers = {layer.name: layer for layer in workload_from_graph(layer_graph(small, x[:1]), "small").layers}
    sizes = {name: (layers[name].n, layers[name].k) for name in ("layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1")}
    assert sizes == {"layer1.0.conv1": (4, 144), "layer1.0.conv2": (4, 36), "layer2.0.conv1": (32, 144)}
    assert not [name for name in layers if "scatter" in name or "gather" in name]


def test_smaller_model_is_made_smaller_again() -> None:
    """Channels that a gather or scatter numbers stay; the others can go."""
    model, graph, _, x = prepared("cifar_resnet")
    kept = torch.ones(16, dtype=torch.bool)
    kept[::2] = False
    small = shrink(model, graph, {"layer1.0.conv2": kept}, {"layer1.0.conv1": ~kept})
    again = layer_graph(small, x)
    sets = {s.name: s for s in channel_sets(again)}
    assert not sets["conv1"].prunable
    assert not sets["layer1.0.conv2"].prunable
    removals = {s.name: [0, 2] for s in sets.values() if s.prunable}
    assert "layer2.0.conv1" in removals
    assert_equal(remove_channels(small, again, removals), mask_channels(small, again, removals), x)
    filters, inputs = random_masks(again, np.random.default_rng(0))
    assert_equal(shrink(small, again, filters, inputs), mask_layers(small, again, filters, inputs), x)


def test_layers_keep_their_names_and_state_loads() -> None:
    model, graph, sets, x = prepared("resnext")
    removals = random_removals(sets, np.random.default_rng(0))
    small = remove_channels(model, graph, removals)
    names = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    assert {name for name, module in small.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)} == names
    assert small.state_dict().keys() == model.state_dict().keys()
    other = remove_channels(build(NARROW["resnext"][0], seed=5), graph, removals)
    other.load_state_dict(small.state_dict())
    assert torch.equal(outputs(other, x), outputs(small, x))
