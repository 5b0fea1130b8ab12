"""Both engines through the public interface: the same result, field for field, and the same refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import GemmLayer, Hardware, VectorLayer, Workload, gemm, load_hardware, simulate
from accel_sim.errors import HardwareError, InputError, MappingError, WorkloadError
from accel_sim.workload import ConvGeometry
from tests.machines import buffers, machine
from tests.shared_files import shared_path
from tests.unit.dynamic.cases import random_array

ENGINES = ("fast", "reference")


def network(rng: np.random.Generator) -> Workload:
    """A strided convolution, a depthwise one, attention-like products, a residual sum and a head."""
    size, heads = int(rng.integers(4, 9)), int(rng.choice([1, 2, 3]))
    out, depth = (size + 1) // 2, 2 * heads
    tokens = out * out
    bits = {"a_bits": int(rng.choice([4, 8])), "w_bits": int(rng.choice([2, 8])), "a_signed": bool(rng.integers(2))}
    first = ConvGeometry(1, size, size, 3, 3, 3, out, out, stride_h=2, stride_w=2, pad_top=1, pad_left=1)
    second = ConvGeometry(1, out, out, 1, 3, 3, out, out, pad_top=1, pad_left=1)
    product = {"static_weights": False, "inputs": ("depthwise",), "weight_inputs": ("depthwise",)}
    return Workload(
        "net",
        (
            GemmLayer("conv", "conv2d", 1, tokens, depth, 27, conv=first, **bits),
            VectorLayer("relu", "relu", depth * tokens, (depth * tokens,), ("conv",), depth * tokens),
            GemmLayer("depthwise", "conv2d", depth, tokens, 1, 9, conv=second, inputs=("relu",), **bits),
            GemmLayer("scores", "matmul", heads, tokens, tokens, 2, **product, **bits),
            GemmLayer("mix", "matmul", heads, tokens, 2, tokens, **product | {"inputs": ("scores",)}, **bits),
            VectorLayer("sum", "add", depth * tokens, (depth * tokens,) * 2, ("mix", "relu"), depth * tokens),
            GemmLayer("head", "linear", 1, 1, 10, depth * tokens, inputs=("sum",), **bits),
        ),
    )


def random_machine(seed: int, rng: np.random.Generator) -> Hardware:
    """A machine whose SRAMs are small and narrow, or large; with a slow or a fast DRAM."""
    pick = lambda *options: options[int(rng.integers(len(options)))]  # noqa: E731
    array = random_array(seed) | {"arrays": pick(1, 1, 2, 3), "acc_bits": 32}
    memory = buffers(*(pick(0.25, 1, 16) for _ in range(3)), banks=pick(1, 2), word_bits=pick(16, 64))
    memory["bank_conflicts"] = pick("even", "exact")
    formats = ("dense", "dense", "bitmask", "csc", "rle")
    if array["weight_sparsity"] in ("none", "gate"):
        memory["weights"]["format"] = pick(*formats)
    if array["activation_sparsity"] != "skip_waves" and memory["bank_conflicts"] == "even":
        memory["activations"]["format"] = pick(*formats)
    mapping = {"objective": pick("energy", "latency", "edp"), "layout": pick("tiled", "channel_last", "channel_first")}
    return machine(array=array, buffers=memory, dram={"part": pick("lpddr4_3200", "ideal")}, mapping=mapping)


def result(workload: Workload, hardware: Hardware, engine: str, seed: int) -> dict[str, Any]:
    """What an engine says, its name apart; a layer that no tile fits is said, too."""
    try:
        tree: dict[str, Any] = json.loads(simulate(workload, hardware, engine=engine, seed=seed).to_json())
    except MappingError as error:
        return {"error": str(error)}
    assert tree.pop("engine") == engine
    return tree


def results(workload: Workload, hardware: Hardware, seed: int = 0) -> list[dict[str, Any]]:
    """What each engine says."""
    return [result(workload, hardware, engine, seed) for engine in ENGINES]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_networks_are_equal_field_for_field(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fast, reference = results(network(rng), random_machine(seed, rng), seed % 5)
    assert fast == reference


@pytest.mark.validate
def test_many_networks_are_equal_field_for_field() -> None:
    mapped = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        fast, reference = results(network(rng), random_machine(seed, rng))
        assert fast == reference, seed
        mapped += "total" in fast
    assert mapped > 950


def check_model(hardware: str, model: str, data: str, weights: Path | None = None) -> None:
    """A PyTorch model with its integer weights and real activations."""
    pytest.importorskip("torch")
    from compress.load import DataRequest, load_workload

    check_equal(load_workload(model, weights=weights, data=DataRequest(data, images=1)), hardware)


def check_equal(workload: Workload, hardware: str) -> None:
    fast, reference = results(workload, load_hardware(hardware))
    assert "total" in fast
    assert fast == reference


@pytest.mark.parametrize("hardware", ["dense_int8_8x8", "pragmatic_like", "column_combining"])
def test_a_small_network_with_real_operands(hardware: str) -> None:
    check_model(hardware, "compress.models:digits_cnn", "digits")


REAL = ["dense_int8_32x32", "pragmatic_like", "bitlet_like", "shapeshifter_like", "term_serial_vector_sparse"]
FIRST_OF_MANY = [REAL[-1], *(pytest.param(name, marks=pytest.mark.validate) for name in REAL[:-1])]


@pytest.mark.parametrize("hardware", FIRST_OF_MANY)
def test_resnet20_with_its_trained_weights_and_an_image(hardware: str) -> None:
    weights = shared_path("data/weights/cifar10/resnet20.pth")
    check_model(hardware, "compress.models:resnet20", f"cifar10:{shared_path('data/cifar')}", weights)


@pytest.mark.validate
@pytest.mark.parametrize("hardware", REAL)
def test_resnet20_after_a_policy(hardware: str, tmp_path: Path) -> None:
    """Masks, widths that differ from layer to layer, and what the quantised layers read."""
    pytest.importorskip("torch")
    from compress.policy_request import PolicyRequest, policy_workload

    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "schema: 1\ndefaults: {w_bits: 5, a_bits: 6, algorithm: level, ratio: 0.4}\n"
        "layers:\n  layer2.0.conv1: {algorithm: l1_filter, ratio: 0.25, w_bits: 3}\n"
        "  layer3.2.conv2: {algorithm: obs, ratio: 0.5, a_bits: 4}\n"
    )
    request = PolicyRequest(
        "compress.models:resnet20",
        policy,
        f"cifar10:{shared_path('data/cifar')}",
        weights=shared_path("data/weights/cifar10/resnet20.pth"),
        images=64,
    )
    check_equal(policy_workload(request, batch=1), hardware)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("arithmetic", ["parallel", "term_serial_act"])
def test_integers_that_do_not_fit_are_refused(engine: str, arithmetic: str) -> None:
    hardware = machine(array={"arithmetic": arithmetic})
    layer = gemm(2, 2, 3).layers[0]
    activations = np.zeros((1, 2, 3), int)
    activations[0, 1, 2] = 256

    def refuse(**fields: Any) -> str:
        with pytest.raises(WorkloadError) as error:
            simulate(Workload("w", (replace(layer, **fields),)), hardware, engine=engine)
        return str(error.value)

    assert refuse(activations=activations) == (
        "layer gemm: activations[0, 1, 2] is 256; allowed for 8-bit unsigned operands: 0 to 255"
    )
    assert refuse(weights=np.full((1, 3, 2), -129)) == (
        "layer gemm: weights[0, 0, 0] is -129; allowed for 8-bit signed operands: -128 to 127"
    )
    assert refuse(weights=np.zeros((1, 2, 3), int)) == "layer gemm: weights have shape (1, 2, 3); allowed: (1, 3, 2)"
    assert refuse(weights=np.zeros((1, 3, 2))) == "layer gemm: weights have type float64; allowed: integers"


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_that_break_the_pattern_are_refused(engine: str) -> None:
    hardware = machine(array={"lanes": 2, "weight_sparsity": {"kind": "n_m", "keep": 2, "of": 4}})
    weights = np.zeros((8, 3), int)
    weights[[4, 5, 7], 2] = (3, 4, 5)
    message = r"layer gemm: weights\[0, 7, 2\] is 5, non-zero number 3 of k 4 to 7; allowed: 2 of 4 consecutive k"
    with pytest.raises(WorkloadError, match=message):
        simulate(gemm(2, 3, 8, weights=weights), hardware, engine=engine)
    weights[4] = 0
    assert simulate(gemm(2, 3, 8, weights=weights), hardware, engine=engine).total.macs.skipped == 2 * 3 * 4


@pytest.mark.parametrize("engine", ENGINES)
def test_drawn_weights_follow_the_pattern(engine: str) -> None:
    hardware = machine(array={"lanes": 2, "weight_sparsity": {"kind": "n_m", "keep": 2, "of": 4}})
    macs = simulate(gemm(5, 6, 16), hardware, engine=engine).total.macs
    assert macs.effectual == 5 * 6 * 8
    assert macs.skipped == 5 * 6 * 8


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InputError, match="engine: holds 'quick'; allowed: fast, reference"):
        simulate(gemm(1, 1, 1), machine(), engine="quick")


def test_arrays_in_step_share_reads_whether_zeros_gate_or_not() -> None:
    """Gating saves energy, not time: what several arrays read must not change with it."""
    for dataflow in ("ws", "is", "os"):
        for dim in ("m", "n") if dataflow != "is" else ("m",):
            fields = {"dataflow": dataflow, "arrays": 3}
            plain, gated = (
                simulate(
                    gemm(50, 40, 30),
                    machine(array=fields | {"weight_sparsity": sparsity}, mapping={"array_dim": dim}),
                )
                for sparsity in ("none", "gate")
            )
            assert plain.total.sram == gated.total.sram
            assert plain.total.cycles == gated.total.cycles


def test_a_fifo_of_no_entries_is_refused() -> None:
    with pytest.raises(HardwareError, match=r"array\.fifo_depth: holds 0; allowed: an integer from 1 to 1024"):
        load_hardware("dense_int8_8x8", {"array.fifo_depth": 0})
