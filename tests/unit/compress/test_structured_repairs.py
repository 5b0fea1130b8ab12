"""Repairs of networks without some of their filters aim at the outputs that the layers had before pruning."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from compress.compressed import compress_model
from compress.graph.trace import layer_graph
from compress.policy import Policy
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, fold_batch_norms
from compress.structure.shrink import kept_outputs, shrink
from tests.unit.compress.test_compressed import Residual

FILTERS = {
    "stem": {"algorithm": "l1_filter", "ratio": 0.25},
    "first": {"algorithm": "fpgm", "ratio": 0.34},
    "second": {"algorithm": "l2_filter", "ratio": 0.5},
    "down": {"algorithm": "l1_filter", "ratio": 0.25},
}
NOTHING = {"rounding": "nearest", "reconstruction": "none", "bias_correction": False}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(3)
    network = Residual().eval()
    for norm in (network.norm, network.first_norm):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(48, 3, 9, 9, generator=torch.Generator().manual_seed(4))


def outputs(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    seen: dict[str, Tensor] = {}
    model = copy.deepcopy(model)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | FakeQuantConv2d | FakeQuantLinear):
            module.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out.clone()))
    with torch.no_grad():
        model(images)
    return seen


def policy(layers: dict[str, object], **switches: object) -> Policy:
    return Policy.model_validate({"layers": layers, "quantization": {**NOTHING, **switches}})


def kept_of(model: nn.Module, images: Tensor, layers: dict[str, object]) -> dict[str, Tensor]:
    removed = compress_model(model, policy(layers), images).removed
    return kept_outputs(layer_graph(model, images[:1]), removed.kept_filters, removed.kept_channels)


@pytest.mark.parametrize("equalisation", [False, True])
@pytest.mark.parametrize("switch", [{"bias_correction": True}, {"reconstruction": "least_squares"}])
def test_mean_outputs_are_those_before_pruning(model, images, switch, equalisation) -> None:
    found = compress_model(model, policy(FILTERS, **switch, equalisation=equalisation), images)
    kept = kept_of(model, images, FILTERS)
    assert set(kept) >= {"stem", "first", "second"}
    wanted, given = (
        outputs(fold_batch_norms(model, layer_graph(model, images[:1])), images),
        outputs(found.model, images),
    )
    checked = ("second", "down", "head") if equalisation else tuple(wanted)  # equalised layers have another scale
    for name in checked:
        target = wanted[name][:, kept[name]] if name in kept else wanted[name]
        means = [one.transpose(0, 1).flatten(1).mean(1) for one in (given[name], target)]
        # least squares fits the mean before weights are rounded
        torch.testing.assert_close(means[0], means[1], atol=1e-5 if "bias_correction" in switch else 0.05, rtol=0)


def test_repairs_bring_the_answers_nearer_to_the_unpruned_networks(model, images) -> None:
    unseen = torch.randn(64, 3, 9, 9, generator=torch.Generator().manual_seed(5))
    errors = []
    for switches in ({}, {"reconstruction": "least_squares"}):
        found = compress_model(model, policy(FILTERS, **switches), images)
        with torch.no_grad():
            errors.append((found.model(unseen) - model(unseen)).square().mean().item())
    assert errors[1] < 0.5 * errors[0]


def test_filters_that_stay_in_place_masked_stay_zero(model, images) -> None:
    """One of a group's filters cannot be taken out: the group keeps its size."""
    found = compress_model(model, policy({"down": FILTERS["down"]}, reconstruction="least_squares"), images)
    layer = found.model.get_submodule("down")
    kept = found.removed.kept_filters["down"]
    assert layer.weight_integers.shape[0] == len(kept)
    assert not layer.weight_integers[~kept].any()
    assert layer.weight_integers[kept].flatten(1).any(1).all()


def test_kept_outputs_are_the_channels_that_the_smaller_layers_write(model, images) -> None:
    kept = kept_of(model, images, FILTERS)
    graph = layer_graph(model, images[:1])
    small = shrink(model, graph, compress_model(model, policy(FILTERS), images).removed.kept_filters)
    before, after = outputs(model, images), outputs(small, images)
    assert kept_outputs(graph, {}) == {}
    for name, channels in kept.items():
        if isinstance(small.get_submodule(name), nn.Conv2d):
            assert after[name].shape[1] == len(channels) < before[name].shape[1]
    # nothing in front of the stem was pruned: its channels are the original's
    torch.testing.assert_close(after["stem"], before["stem"][:, kept["stem"]])
