"""Whole networks: layers are quantised as their policy says, pruned weights stay zero, the same seed gives the same."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.policy.schema import LayerPolicy, Policy, Quantization
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, fold_batch_norms, quantize_model
from compress.quantization.grid import quantize_rows
from compress.quantization.reference import Reference
from tests.unit.quantization.networks import PLAIN, graph_of, small_images, small_net, uniform

EVERYTHING = Quantization(batch_norm_reestimation=True, equalisation=True)


def fake_layers(model: nn.Module) -> dict[str, FakeQuantConv2d | FakeQuantLinear]:
    return {n: m for n, m in model.named_modules() if isinstance(m, FakeQuantConv2d | FakeQuantLinear)}


def outputs(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = model(images)
    return out


@pytest.mark.parametrize("switches", [PLAIN, Quantization(), EVERYTHING])
def test_sixteen_bits_are_the_float_network(switches: Quantization) -> None:
    model, images = small_net(), small_images()
    quantised = quantize_model(model, graph_of(model), images, uniform(16, 16, switches))
    assert len(fake_layers(quantised)) == 7
    torch.testing.assert_close(outputs(quantised, images), outputs(model, images), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("rounding", ["nearest", "error_feedback"])
def test_every_width(bits: int, rounding: str) -> None:
    model, images = small_net(), small_images(8)
    policy = uniform(bits, bits, Quantization(rounding=rounding))  # type: ignore[arg-type]
    for layer in fake_layers(quantize_model(model, graph_of(model), images, policy)).values():
        limit = max(2 ** (bits - 1) - 1, 1)
        integers = layer.weight_integers
        assert integers.dtype == (torch.int8 if bits <= 8 else torch.int16)
        assert -limit <= int(integers.min()) <= int(integers.max()) <= limit
        assert bits > 1 or bool((integers != 0).all())
        assert torch.isfinite(layer.weight).all()


def test_widths_and_signs_follow_policy_and_graph() -> None:
    model = small_net()
    policy = Policy(
        quantization=PLAIN, defaults=LayerPolicy(w_bits=4), layers={"conv2": LayerPolicy(w_bits=3, a_bits=5)}
    )
    layers = fake_layers(quantize_model(model, graph_of(model), small_images(), policy))
    assert (layers["conv2"].w_bits, layers["conv2"].a_bits, layers["stem"].w_bits) == (3, 5, 4)
    assert {name for name, layer in layers.items() if layer.input_grid.signed} == {"stem"}


def test_a_layer_computes_what_its_integers_say() -> None:
    model, images = small_net(), small_images()
    policy = uniform(4, 4, Quantization(activation_symmetric=False))
    layer = fake_layers(quantize_model(model, graph_of(model), images, policy))["stem"]
    assert layer.input_grid.zero_point > 0
    integers = layer.input_grid.quantize(images).double() - layer.input_grid.zero_point
    sums = torch.nn.functional.conv2d(integers, layer.weight_integers.double(), padding=1)
    scales = layer.weight_scales.double() * layer.input_grid.scale
    assert layer.bias is not None
    expected = sums * scales[:, None, None] + layer.bias.double()[:, None, None]
    torch.testing.assert_close(layer(images).double(), expected, atol=1e-5, rtol=1e-5)


def test_plain_weights_are_folded_weights_to_the_nearest() -> None:
    model = small_net()
    graph = graph_of(model)
    folded = fold_batch_norms(model, graph)
    for name, layer in fake_layers(quantize_model(model, graph, small_images(), uniform(4, 8))).items():
        rows = folded.get_submodule(name).weight.detach().double().flatten(1)  # type: ignore[operator, union-attr]
        expected = quantize_rows(rows, layer.weight_scales.double(), 4)
        assert torch.equal(layer.weight_integers.flatten(1).double(), expected)


@pytest.mark.parametrize("bits", [1, 3])
@pytest.mark.parametrize("rounding", ["nearest", "adaround", "error_feedback"])
def test_pruned_weights_stay_zero(bits: int, rounding: str) -> None:
    model, images = small_net(), small_images(8)
    names = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    masks = {}
    for seed, name in enumerate(names):
        weight: Tensor = model.get_submodule(name).weight  # type: ignore[assignment]
        masks[name] = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed)) > 0.5
        with torch.no_grad():
            weight.mul_(masks[name])
    policy = uniform(bits, 8, EVERYTHING.model_copy(update={"rounding": rounding}))
    quantised = quantize_model(model, graph_of(model), images, policy, reference=Reference(small_net()), masks=masks)
    for name, layer in fake_layers(quantised).items():
        assert not layer.weight_integers[~masks[name]].any()
        assert layer.weight_integers[masks[name]].any()


def test_the_same_seed_gives_the_same_network() -> None:
    model, images = small_net(), small_images()
    states = [
        quantize_model(model, graph_of(model), images, uniform(3, 4, EVERYTHING), seed=seed).state_dict()
        for seed in (5, 5)
    ]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_attention_is_taken_apart() -> None:
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(16, 8, 2, 2, 32, 64, num_classes=5).eval()
    nn.init.normal_(model.heads.head.weight)
    images = torch.randn(4, 3, 16, 16)
    quantised = quantize_model(model, graph_of(model, (3, 16, 16)), images, uniform(12, 12))
    names = set(fake_layers(quantised))
    assert {
        f"encoder.layers.encoder_layer_{i}.self_attention.{p}" for i in (0, 1) for p in ("in_proj", "out_proj")
    } < names
    torch.testing.assert_close(outputs(quantised, images), outputs(model, images), atol=0.03, rtol=0.03)


def test_weights_can_be_loaded_into_another_quantised_network() -> None:
    model, images = small_net(), small_images()
    first, second = (quantize_model(model, graph_of(model), images, uniform(w, 8)) for w in (4, 3))
    second.load_state_dict(first.state_dict())
    assert torch.equal(outputs(first, images), outputs(second, images))


def test_wrong_calls() -> None:
    model, images = small_net(), small_images(4)
    graph, policy = graph_of(model), uniform(8, 8)
    with pytest.raises(WorkloadError, match="masks: 'nothing' is no convolution"):
        quantize_model(model, graph, images, policy, masks={"nothing": torch.ones(1)})
    with pytest.raises(WorkloadError, match=r"masks: that of stem has shape \(1,\); allowed: \(8, 3, 3, 3\)"):
        quantize_model(model, graph, images, policy, masks={"stem": torch.ones(1)})
    other = small_net()
    other.last = nn.Linear(16, 6)
    with pytest.raises(WorkloadError, match="reference: layer last"):
        quantize_model(model, graph, images, uniform(8, 8, EVERYTHING), reference=Reference(other))
    with pytest.raises(WorkloadError, match="layer stem: reads values that are not finite"):
        quantize_model(model, graph, images * torch.nan, policy)
