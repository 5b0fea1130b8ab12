"""Lower bounds of DRAM traffic: no mapping moves less; a product's is the published one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import gemm, load_hardware, simulate
from accel_sim.traffic_bound import traffic_bounds
from compress import load_workload
from tests.unit.test_simulation import network


def test_a_product_by_hand() -> None:
    hardware = load_hardware("dense_int8_8x8")
    buffers = hardware.buffers
    capacity = 1024 * sum(buffer.kib for buffer in (buffers.activations, buffers.weights, buffers.outputs))
    bound = traffic_bounds(gemm(4096, 2048, 1024), hardware)["gemm"]
    assert bound.compulsory_bytes == 4096 * 1024 + 1024 * 2048 + 4096 * 2048
    assert bound.capacity_bytes == pytest.approx(2 * 4096 * 2048 * 1024 / math.sqrt(capacity))


@settings(max_examples=40, deadline=None)
@given(*[st.integers(1, 600) for _ in range(3)], st.integers(1, 8), st.integers(1, 8))
def test_no_mapping_moves_less(m: int, n: int, k: int, a_bits: int, w_bits: int) -> None:
    hardware, work = load_hardware("dense_int8_8x8"), gemm(m, n, k, a_bits, w_bits)
    dram = simulate(work, hardware).total.dram
    assert dram.read_bytes + dram.write_bytes >= traffic_bounds(work, hardware)["gemm"].least_bytes - 1e-6


@pytest.mark.parametrize("model", ["network", "torchvision:mobilenet_v2"])
def test_no_layer_of_a_network_moves_less(model: str) -> None:
    hardware = load_hardware("dense_int8_16x16")
    work = network() if model == "network" else load_workload(model)
    bounds = traffic_bounds(work, hardware)
    layers = [layer for layer in simulate(work, hardware).layers if layer.name in bounds]
    assert layers
    for layer in layers:
        assert layer.dram.read_bytes + layer.dram.write_bytes >= bounds[layer.name].least_bytes - 1e-6
