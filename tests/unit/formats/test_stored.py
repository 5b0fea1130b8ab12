"""Compressed tensors in DRAM: sizes from real values, what is decoded, and what does not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accel_sim import Result, load_hardware, simulate
from accel_sim.formats.size import encoded_bits
from accel_sim.hardware.schema import NmSparsity
from accel_sim.workload import GemmLayer, VectorLayer, Workload

FORMATS = ("bitmask", "csc", "rle")
TILES = 40
"""More than any of these products is cut into."""


def integers(seed: int, shape: tuple[int, ...], low: int, high: int, density: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(low, high, shape) * (generator.random(shape) < density)


def product(name: str, m: int, n: int, k: int, density: float, inputs: tuple[str, ...] = ()) -> GemmLayer:
    return GemmLayer(
        name,
        "linear",
        1,
        m,
        n,
        k,
        inputs=inputs,
        weights=integers(1, (1, k, n), -127, 128, density),
        activations=integers(2, (1, m, k), 0, 255, density),
    )


def run(work: Workload, engine: str = "fast", machine: str = "dense_int8_8x8", **fields: Any) -> Result:
    return simulate(
        work, load_hardware(machine, {f"dram.{name}": value for name, value in fields.items()}), engine=engine
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_layer_moves_what_its_format_takes(name: str) -> None:
    layer = product("a", 30, 40, 64, 0.2)
    dense, small = (
        run(Workload("net", (layer,))),
        run(Workload("net", (layer,)), weight_format=name, activation_format=name),
    )
    bits = encoded_bits(name, layer.weights[0].T, 8) + encoded_bits(name, layer.activations[0], 8)
    assert 0 <= small.total.dram.read_bytes - bits / 8 <= TILES  # a tile's last byte is a whole one
    assert small.total.dram.write_bytes == dense.total.dram.write_bytes
    assert small.total.sram == dense.total.sram
    assert small.total.macs == dense.total.macs
    assert small.total.cycles.total <= dense.total.cycles.total
    assert small.total.energy_pj.sparsity_logic > dense.total.energy_pj.sparsity_logic
    assert small.layers[0].mapping["weights_stored"] == encoded_bits(name, layer.weights[0].T, 8) / (64 * 40 * 8)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_makes_larger_is_counted_as_it_is(name: str) -> None:
    work = Workload("net", (product("a", 30, 40, 64, 1.0),))
    dense, full = run(work), run(work, weight_format=name, activation_format=name)
    assert full.layers[0].mapping["activations_stored"] > 1
    assert full.total.dram.read_bytes > dense.total.dram.read_bytes
    assert full.total.energy_pj.total > dense.total.energy_pj.total


def test_a_producer_stores_what_its_reader_reads() -> None:
    work = Workload("net", (product("a", 30, 64, 16, 0.2), product("b", 30, 8, 64, 0.2, ("a",))))
    result = run(work, activation_format="bitmask")
    first, second = result.layers
    assert first.mapping["output_stored"] == second.mapping["activations_stored"] < 1
    assert 0 <= first.dram.write_bytes - 30 * 64 * first.mapping["output_stored"] <= TILES
    assert second.mapping["output_stored"] == 1.0


def test_operands_of_vector_operations_stay_dense() -> None:
    both = VectorLayer("sum", "add", 30 * 64, (30 * 64, 30 * 64), ("b", "a"), 30 * 64)
    work = Workload("net", (product("a", 30, 64, 16, 0.2), product("b", 30, 64, 64, 0.2, ("a",)), both))
    result = run(work, activation_format="bitmask")
    assert result.layers[0].mapping["output_stored"] == 1.0


def test_n_of_m_weights() -> None:
    layer = product("a", 16, 32, 64, 1.0)
    pattern = NmSparsity(kind="n_m", keep=2, of=4)
    weights = layer.weights.reshape(1, 16, 4, 32).copy()
    weights[:, :, 2:] = 0
    layer = GemmLayer("a", "linear", 1, 16, 32, 64, weights=weights.reshape(1, 64, 32), activations=layer.activations)
    result = run(Workload("net", (layer,)), machine="sparse_2_4", weight_format="n_m")
    expected = encoded_bits("n_m", layer.weights[0].T, 8, pattern) / (64 * 32 * 8)
    assert result.layers[0].mapping["weights_stored"] == expected == 2 * (8 + 2) / (4 * 8)


@pytest.mark.parametrize("name", ["dense", *FORMATS])
@pytest.mark.parametrize("machine", ["dense_int8_8x8", "vector_sparse"])
def test_both_engines_agree(name: str, machine: str) -> None:
    work = Workload("net", (product("a", 12, 20, 24, 0.3), product("b", 12, 8, 20, 0.3, ("a",))))
    fields = {"weight_format": name, "activation_format": name}
    fast, reference = (run(work, engine, machine, **fields) for engine in ("fast", "reference"))
    assert fast.layers == reference.layers
    assert fast.total == reference.total
