"""A policy from end to end on a small network: what runs, what the machine is fed, what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accel_sim import load_hardware, simulate
from accel_sim.errors import PolicyError, WorkloadError
from accel_sim.operands import layer_operands
from accel_sim.workload import GemmLayer
from compress.compressed import CompressedModel, compress_model
from compress.compressed_files import load_quantised, save_compressed
from compress.compressed_workload import compressed_workload
from compress.models.digits_cnn import DigitsCnn
from compress.policy import LayerPolicy, NOfM, Policy, read_policy
from compress.quantization import FakeQuantConv2d, FakeQuantLinear


class Residual(nn.Module):
    """Two branches that are added, a strided and a grouped convolution, a classifier."""

    input_shape = (3, 9, 9)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.first = nn.Conv2d(8, 6, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        y = torch.relu(self.first_norm(self.first(x)))
        x = torch.relu(x + self.second(y))
        x = torch.relu(self.down(x))
        return self.head(self.pool(x).flatten(1))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    network = Residual()
    for norm in (network.norm, network.first_norm):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.2)
    return network.eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(24, 3, 9, 9, generator=torch.Generator().manual_seed(1))


EVERYTHING = {
    "stem": {"algorithm": "l1_filter", "ratio": 0.25, "w_bits": 5, "a_bits": 6},
    "first": {"algorithm": "fpgm", "ratio": 0.34, "w_bits": 4},
    "second": {"algorithm": "obs", "ratio": 0.5, "w_bits": 4, "a_bits": 4},
    "down": {"algorithm": "level", "ratio": 0.3, "a_bits": 3},
    "head": {"algorithm": "reconstruction", "ratio": 0.25, "w_bits": 3},
}


def compressed(
    model: nn.Module, images: Tensor, layers: dict[str, object] | None = None, **rest: object
) -> CompressedModel:
    return compress_model(model, Policy.model_validate({"layers": layers or {}, **rest}), images)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("layers", [{}, EVERYTHING])
def test_the_machine_multiplies_what_the_network_computes(model, images, layers, symmetric) -> None:
    check_products(compressed(model, images, layers, quantization={"activation_symmetric": symmetric}), images[:2])


def check_products(found: CompressedModel, images: Tensor) -> None:
    """The machine's integers, summed up and scaled, are what every layer computes."""
    outputs: dict[str, Tensor] = {}
    for name, module in found.model.named_modules():
        if isinstance(module, FakeQuantConv2d | FakeQuantLinear):
            module.register_forward_hook(lambda _, __, output, name=name: outputs.__setitem__(name, output))
    workload = compressed_workload(found, images, "net")
    products = [layer for layer in workload.layers if isinstance(layer, GemmLayer)]
    assert {layer.name for layer in products} == set(outputs)
    for layer in products:
        module = found.model.get_submodule(layer.name)
        operands, grid = layer_operands(layer, 0), module.input_grid
        integers = np.stack(
            [
                (operands.activations(g).astype(np.int64) - grid.zero_point) @ operands.weights(g).astype(np.int64)
                for g in range(layer.groups)
            ]
        )
        scales = module.weight_scales.double().numpy().reshape(layer.groups, 1, layer.n) * grid.scale
        bias = 0 if module.bias is None else module.bias.double().numpy().reshape(layer.groups, 1, layer.n)
        ours = (integers * scales + bias).transpose(1, 0, 2).reshape(layer.m, -1)
        theirs = outputs[layer.name]
        theirs = (theirs.permute(0, 2, 3, 1) if theirs.ndim == 4 else theirs).reshape(layer.m, -1)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("symmetric", [True, False])
def test_padding_in_front_of_a_layer_is_the_layers_own(images, symmetric) -> None:
    """As in networks from TensorFlow, which pad on the right and below only."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(6, 4, 3, stride=2), nn.Flatten())
    quantization = {"activation_symmetric": symmetric}
    check_products(compressed(model.eval(), images, {"2": {"w_bits": 4}}, quantization=quantization), images[:2])


def test_what_the_policy_says_reaches_the_machine(model, images) -> None:
    workload = compressed_workload(compressed(model, images, EVERYTHING), images[:1], "net")
    layers = {layer.name: layer for layer in workload.layers}
    assert (layers["stem"].n, layers["stem"].w_bits, layers["stem"].a_bits) == (6, 5, 6)
    assert (layers["first"].n, layers["second"].k) == (4, 4 * 9)
    assert layers["second"].w_bits == 4
    weights = layers["second"].weights
    assert weights is not None
    assert np.count_nonzero(weights) <= 8 * 6 * 9 // 2  # half of those that were there before channels went
    assert layers["head"].k == 6


def test_the_same_policy_gives_the_same_bits(model, images) -> None:
    first, second = (compressed_workload(compressed(model, images, EVERYTHING), images[:1], "net") for _ in range(2))
    for a, b in zip(first.layers, second.layers, strict=True):
        assert a == b
        if isinstance(a, GemmLayer):
            np.testing.assert_array_equal(a.weights, b.weights)
            np.testing.assert_array_equal(a.activations, b.activations)


def test_fine_pruning_helps_only_machines_that_skip_and_structured_pruning_all(model, images) -> None:
    """Products alone: the machine's energy for multiplying, registers and SRAMs of an element-pruned network."""
    machines = {name: load_hardware(name) for name in ("dense_int8_8x8", "vector_sparse")}

    def energy(layers: dict[str, object], machine: str) -> float:
        workload = compressed_workload(compressed(model, images, layers), images[:1], "net")
        return simulate(workload, machines[machine]).total.energy_pj.total

    names = ("first", "second", "down")
    block = {"algorithm": "block_magnitude", "ratio": 0.75, "block": {"rows": 8, "cols": 1}}
    fine = {name: {"algorithm": "level", "ratio": 0.6} for name in names}
    coarse = dict.fromkeys(names, block)
    structured = {"first": {"algorithm": "l2_filter", "ratio": 0.5}}
    dense = {name: energy({}, name) for name in machines}
    assert energy(fine, "dense_int8_8x8") == pytest.approx(dense["dense_int8_8x8"], rel=1e-9)
    assert energy(coarse, "vector_sparse") < 0.99 * dense["vector_sparse"]
    for name in machines:
        assert energy(structured, name) < 0.99 * dense[name]


def test_saved_and_loaded_it_answers_the_same(model, images, tmp_path: Path) -> None:
    found = compressed(model, images, EVERYTHING, quantization={"activation_symmetric": False})
    weights, policy = save_compressed(found, tmp_path)
    torch.manual_seed(3)
    loaded = load_quantised(weights, Residual(), images[:1])
    torch.testing.assert_close(loaded(images), found.model(images), rtol=0, atol=0)
    assert read_policy(policy).policy == found.policy


def test_a_file_of_another_network_is_refused(model, images, tmp_path: Path) -> None:
    weights, _ = save_compressed(compressed(model, images), tmp_path)
    with pytest.raises(WorkloadError, match=r"model\.safetensors: does not fit Sequential"):
        load_quantised(weights, nn.Sequential(nn.Conv2d(3, 4, 3)), images[:1])
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(WorkloadError, match="cannot be read as safetensors"):
        load_quantised(weights, Residual(), images[:1])


def test_a_ratio_that_empties_a_layer_keeps_one_filter_and_says_so(model, images) -> None:
    found = compressed(model, images, {"first": {"algorithm": "l1_filter", "ratio": 0.99}})
    assert found.warnings == ("first: a ratio of 0.99 would remove all 6 filters; one is kept",)
    assert found.pruned.get_submodule("first").weight.shape[0] == 1


def test_a_policy_of_another_network_is_refused(model, images, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("layers:\n  frist: {w_bits: 4}\n")
    with pytest.raises(
        PolicyError, match=r"p\.yaml:2:3: layers\.frist: is no layer of the network; did you mean 'first'"
    ):
        compress_model(model, read_policy(path), images)


def test_a_float_network_has_no_workload(model, images) -> None:
    found = compressed(model, images, {}, quantization={"enabled": False})
    torch.testing.assert_close(found.model(images), model(images), rtol=1e-4, atol=1e-5)
    with pytest.raises(PolicyError, match="the machine multiplies integers"):
        compressed_workload(found, images[:1], "net")


def test_the_report_counts_what_is_left(model, images) -> None:
    found = compressed(model, images, EVERYTHING)
    rows = {layer.name: layer for layer in found.layers}
    assert (rows["first"].filters_before, rows["first"].filters_after) == (6, 4)
    assert (rows["second"].channels_before, rows["second"].channels_after) == (6, 4)
    assert rows["down"].nonzero_after <= rows["down"].weights_before - round(0.3 * rows["down"].weights_before)
    assert rows["down"].bytes_after == rows["down"].weights_after
    assert rows["stem"].rounding_sqnr_db > 20


def test_filters_of_a_sum_go_together_or_apart(model, images) -> None:
    layers = {name: {"algorithm": "l1_filter", "ratio": 0.5} for name in ("stem", "second")}
    apart, joint = (compressed(model, images, layers, coupling=how).pruned for how in ("per_layer", "joint"))
    assert apart.get_submodule("stem").weight.shape[0] == 4
    assert joint.get_submodule("second").weight.shape[0] == 4
    assert joint.get_submodule("first").weight.shape[1] == 4
    # what reads the sum has two groups of four channels: one of them goes
    per_channel = sum(
        (score := model.get_submodule(name).weight.abs().flatten(1).sum(1)) / score.mean()
        for name in ("stem", "second")
    )
    better = int(per_channel.reshape(2, 4).sum(1).argmax())
    removed = compressed(model, images, layers, coupling="joint").removed.kept_filters
    for name in ("stem", "second"):
        assert removed[name].reshape(2, 4).all(1).tolist() == [better == 0, better == 1]
    assert joint.get_submodule("down").groups == 1


def test_layers_of_a_sum_must_agree_where_they_are_coupled(model, images) -> None:
    with pytest.raises(
        PolicyError, match=r"layers\.second: holds none 0, and stem, whose channels it shares, l1_filter"
    ):
        compressed(model, images, {"stem": {"algorithm": "l1_filter", "ratio": 0.5}}, coupling="joint")


def test_answers_are_not_pruned(model, images) -> None:
    found = compressed(model, images, {"head": {"algorithm": "l1_filter", "ratio": 0.5}})
    assert found.model(images).shape == (24, 5)
    assert found.warnings == ("head: its outputs are the network's answers; no filter is removed",)


def test_repairs_bring_outputs_back_to_those_before_pruning() -> None:
    torch.manual_seed(0)
    model, images = DigitsCnn().eval(), torch.rand(64, 1, 8, 8)
    pruning = LayerPolicy(algorithm="n_m_magnitude", n_m=NOfM(keep=2, of=4))
    layers = dict.fromkeys(("pointwise", "conv2", "linear"), pruning)
    compressed = compress_model(model, Policy(schema=1, layers=layers), images)
    with torch.inference_mode():
        wanted = model(images)
        repaired = (compressed.model(images) - wanted).square().mean()
        pruned = (compressed.pruned(images) - wanted).square().mean()
    assert repaired < 0.5 * pruned
