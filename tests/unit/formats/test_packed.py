"""Operands in the SRAMs in compressed formats: sizes, words, decodes, room, and both engines."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim import GemmLayer, Workload, load_hardware, simulate
from accel_sim.errors import MappingError
from accel_sim.formats.packed import edge_decodes
from accel_sim.formats.size import encoded_bits
from accel_sim.hardware.schema import Hardware, NmSparsity
from accel_sim.result import LayerResult, SramCounts, SramTraffic
from accel_sim.schedule import Packing
from accel_sim.workload import ConvGeometry

FORMATS = ("bitmask", "csc", "rle")


def product(m: int, n: int, k: int, density: float, seed: int = 0) -> GemmLayer:
    rng = np.random.default_rng(seed)
    keep = lambda shape: rng.random(shape) < density  # noqa: E731
    weights = rng.integers(1, 100, (1, k, n)) * keep((1, k, n))
    activations = rng.integers(1, 100, (1, m, k)) * keep((1, m, k))
    return GemmLayer("a", "linear", 1, m, n, k, weights=weights, activations=activations)


def machine(name: str = "dense_int8_8x8", **fields: object) -> Hardware:
    return load_hardware(name, {field.replace("__", "."): value for field, value in fields.items()})


def run(layer: GemmLayer, hardware: Hardware, engine: str = "fast") -> LayerResult:
    return simulate(Workload("net", (layer,)), hardware, engine=engine).layers[0]


@pytest.mark.parametrize("name", FORMATS)
def test_the_edges_read_a_tensors_share(name: str) -> None:
    layer = product(40, 24, 64, 0.25)
    dense = run(layer, machine())
    packed = run(layer, machine(buffers__weights__format=name, buffers__activations__format=name))
    weights = encoded_bits(name, layer.weights[0].T, 8) / (64 * 24 * 8)
    activations = encoded_bits(name, layer.activations[0], 8) / (64 * 40 * 8)
    assert packed.mapping["weights_in_sram"] == weights
    assert packed.mapping["activations_in_sram"] == activations
    for one, other, share in (
        (packed.sram.weights, dense.sram.weights, weights),
        (packed.sram.activations, dense.sram.activations, activations),
    ):
        assert one.read_bytes == pytest.approx(other.read_bytes * share)
        assert one.write_bytes == pytest.approx(other.write_bytes * share)
        assert 0 <= one.word_reads - other.word_reads * share < 2
    assert packed.sram.outputs == dense.sram.outputs
    assert packed.dram.read_bytes == dense.dram.read_bytes
    assert packed.energy_pj.weights_sram < dense.energy_pj.weights_sram
    assert packed.energy_pj.sparsity_logic > dense.energy_pj.sparsity_logic
    assert packed.cycles.compute == dense.cycles.compute


def test_decodes_are_the_non_zero_elements_that_are_read() -> None:
    layer = product(40, 24, 64, 0.25)
    edges = SramCounts(SramTraffic(read_bytes=3.0 * 40 * 64), SramTraffic(read_bytes=64 * 24.0), SramTraffic())
    there = Packing(activations_there=0.25, weights_there=0.5)
    assert edge_decodes(layer, edges, there) == 3 * 40 * 64 // 4 + 64 * 24 // 2
    assert edge_decodes(layer, edges, Packing()) == 0


def test_a_narrow_port_gives_packed_operands_sooner() -> None:
    layer = product(64, 8, 64, 0.1)
    narrow = {"buffers__activations__banks": 1, "buffers__activations__word_bits": 16}
    dense = run(layer, machine(**narrow))
    packed = run(layer, machine(**narrow, buffers__activations__format="bitmask"))
    assert packed.cycles.stall < dense.cycles.stall
    assert packed.cycles.compute == dense.cycles.compute


def test_a_tensor_that_only_fits_packed() -> None:
    layer = product(8, 8, 4096, 0.05)
    small = {
        "buffers__weights__kib": 12,
        "buffers__weights__banks": 1,
        "mapping__tile_k": 4096,
        "mapping__tile_n": 8,
        "mapping__tile_m": 8,
    }
    with pytest.raises(MappingError, match=r"buffers\.weights\.kib: holds 12"):
        run(layer, machine(**small))
    run(layer, machine(**small, buffers__weights__format="bitmask"))


def test_the_same_format_on_both_sides_is_not_decoded_on_the_way() -> None:
    layer = product(40, 24, 64, 0.25)
    inside = {"buffers__weights__format": "bitmask"}
    both, one = run(layer, machine(dram__weight_format="bitmask", **inside)), run(layer, machine(**inside))
    other = run(layer, machine(dram__weight_format="rle", **inside))
    assert both.energy_pj.sparsity_logic == one.energy_pj.sparsity_logic < other.energy_pj.sparsity_logic
    assert both.dram.read_bytes < one.dram.read_bytes


def test_n_of_m_weights_are_read_as_the_array_takes_them() -> None:
    layer = product(16, 32, 64, 1.0)
    weights = layer.weights.reshape(1, 16, 4, 32).copy()
    weights[:, :, 2:] = 0
    layer = GemmLayer("a", "linear", 1, 16, 32, 64, weights=weights.reshape(1, 64, 32), activations=layer.activations)
    dense, packed = (run(layer, machine("sparse_2_4", buffers__weights__format=name)) for name in ("dense", "n_m"))
    pattern = NmSparsity(kind="n_m", keep=2, of=4)
    share = encoded_bits("n_m", layer.weights[0].T, 8, pattern) / (64 * 32 * 8)
    assert packed.mapping["weights_in_sram"] == share
    assert packed.sram.weights.read_bytes == dense.sram.weights.read_bytes
    assert packed.sram.weights.write_bytes == dense.sram.weights.write_bytes * share
    assert packed.macs == dense.macs


def test_n_of_m_groups_restart_at_each_kernel_position() -> None:
    """Three channels at nine positions: two slots of each position's only group, whatever lies in the next one."""
    conv = ConvGeometry(1, 5, 5, 3, 3, 3, 3, 3)
    weights = np.zeros((1, 27, 4), int)
    weights[0].reshape(9, 3, 4)[:, :2] = 1
    layer = GemmLayer("rgb", "conv2d", 1, 9, 4, 27, conv=conv, weights=weights)
    found = run(layer, machine("sparse_2_4", dram__weight_format="n_m", buffers__weights__format="n_m"))
    assert found.mapping["weights_stored"] == found.mapping["weights_in_sram"] == 18 * (8 + 2) / (27 * 8)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("hardware", ["dense_int8_8x8", "pragmatic_like"])
def test_both_engines_agree(name: str, hardware: str) -> None:
    layer = product(12, 20, 24, 0.3)
    fields = {"buffers__weights__format": name, "buffers__activations__format": name, "dram__weight_format": "rle"}
    fast, reference = (run(layer, machine(hardware, **fields), engine) for engine in ("fast", "reference"))
    assert fast == reference
