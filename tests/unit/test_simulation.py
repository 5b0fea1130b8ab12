"""The contract of ``simulate`` and the laws that every result obeys, through the public interface."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import GemmLayer, Hardware, Result, VectorLayer, Workload, gemm, simulate
from accel_sim.errors import InputError, MappingError, WorkloadError
from accel_sim.workload import ConvGeometry
from tests.machines import buffers, machine

HEAD = {"name", "op", "groups", "m", "n", "k", "a_bits", "w_bits", "a_signed", "w_signed"}
SRAM = {name: {"read_bytes", "write_bytes"} for name in ("activations", "weights", "outputs")}
COUNTS = {
    "cycles": {"total", "compute", "stall"},
    "macs": {"total", "effectual", "gated", "skipped"},
    "sram": set(SRAM),
    "dram": {"read_bytes", "write_bytes", "activates", "row_hits", "row_misses", "refreshes"},
    "energy_pj": {
        *("multiply", "accumulate", "registers", "fifos", "sparsity_logic", "activations_sram", "weights_sram"),
        *("outputs_sram", "dram", "vector_unit", "leakage", "total"),
    },
}
DERIVED = {
    "latency_s",
    "energy_j",
    "average_power_w",
    "edp_js",
    "tops",
    "tops_per_w",
    "tops_per_mm2",
    "area_mm2",
    "areas_mm2",
}

AWKWARD = st.sampled_from([1, 2, 3, 7, 8, 9, 13, 31, 64, 97, 251])
SHAPES = st.tuples(AWKWARD, AWKWARD, AWKWARD) | st.permutations([1, 1, 100_000]).map(tuple)
DATAFLOWS = st.sampled_from(["ws", "os", "is"])
OVERLAPS = ["none", "preload", "full"]
LATENCY = {"objective": "latency"}
ONE_TILE = {"buffers": {**buffers(64, 64, 64), "unlimited_capacity": True}, "dram": {"part": "ideal"}}
"""No tiling and no memory: what is left is the array."""


def network() -> Workload:
    """Two convolutions (one strided and depthwise), a fused and a lone vector operation, a product with two inputs."""
    first = ConvGeometry(1, 12, 12, 3, 3, 3, 12, 12, pad_top=1, pad_left=1)
    second = ConvGeometry(1, 12, 12, 1, 3, 3, 6, 6, stride_h=2, stride_w=2, pad_top=1, pad_left=1)
    return Workload(
        "net",
        (
            GemmLayer("conv1", "conv2d", 1, 144, 16, 27, conv=first),
            VectorLayer("relu", "relu", 16 * 144, (16 * 144,), ("conv1",), 16 * 144),
            GemmLayer("depthwise", "conv2d", 16, 36, 1, 9, conv=second, inputs=("relu",)),
            VectorLayer("pool", "avg_pool2d", 16 * 36, (16 * 144,), ("relu",), 16),
            GemmLayer("product", "matmul", 1, 36, 36, 16, static_weights=False, inputs=("depthwise",),
                      weight_inputs=("depthwise",)),
            GemmLayer("head", "linear", 1, 1, 10, 16, inputs=("pool",), a_bits=4, w_bits=2, a_signed=True),
        ),
    )  # fmt: skip


@pytest.fixture(scope="module", name="result")
def _result() -> Result:
    return simulate(network(), machine(dram={"channels": 2}))


def cycles(shape: tuple[int, int, int], **sections: Any) -> int:
    """Cycles of one product on the test machine with these fields."""
    m, n, k = shape
    return simulate(gemm(m, n, k), machine(**sections)).total.cycles.total


def test_json_has_every_key_of_the_contract(result: Result) -> None:
    tree = json.loads(result.to_json())
    assert set(tree) == {
        *("schema", "bitgrove", "engine", "model", "hardware", "layers", "total"),
        *("hardware_hash", "seed", "operands"),  # beyond the contract
    }
    assert tree["schema"] == 1
    assert tree["hardware"]["dram"]["channels"] == 2
    for layer in tree["layers"]:
        assert set(layer) == HEAD | set(COUNTS) | {
            "utilization",
            "mapping",
            "counts",
        }  # the last two: beyond the contract
        check_parts(layer)
    assert set(tree["total"]) == set(COUNTS) | DERIVED | {"utilization"}
    check_parts(tree["total"])


def check_parts(entry: dict[str, Any]) -> None:
    assert {part: set(entry[part]) for part in COUNTS} == COUNTS
    assert {name: set(part) for name, part in entry["sram"].items()} == SRAM


def test_layers_come_back_in_order_with_their_shapes(result: Result) -> None:
    work = network()
    assert [layer.name for layer in result.layers] == [layer.name for layer in work.layers]
    for layer, row in zip(work.layers, result.layers, strict=True):
        if isinstance(layer, GemmLayer):
            assert (row.groups, row.m, row.n, row.k) == (layer.groups, layer.m, layer.n, layer.k)
            assert (row.a_bits, row.w_bits, row.a_signed) == (layer.a_bits, layer.w_bits, layer.a_signed)
        else:
            assert (row.groups, row.m, row.n, row.k, row.macs.total) == (0, 0, 0, 0, 0)


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Numbers of a nested dictionary by dotted path."""
    flat: dict[str, float] = {}
    for key, value in tree.items():
        flat |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def check_laws(result: Result, hardware: Hardware) -> None:
    """What holds of every result."""
    total = result.total
    rows = [leaves({part: layer.to_dict()[part] for part in COUNTS}) for layer in result.layers]
    for path, value in leaves({part: total.to_dict()[part] for part in COUNTS}).items():
        assert value == pytest.approx(sum(row[path] for row in rows), rel=1e-12), path
    for entry in (*result.layers, total):
        assert entry.cycles.total == entry.cycles.compute + entry.cycles.stall
        assert entry.cycles.stall >= 0
        assert entry.cycles.compute >= 0
        assert entry.macs.total == entry.macs.effectual + entry.macs.gated + entry.macs.skipped
        assert 0 <= entry.utilization <= 1
        energies = asdict(entry.energy_pj)
        assert sum(energies.values()) == entry.energy_pj.total
        assert all(value >= 0 for value in energies.values())
        assert entry.dram.row_misses + entry.dram.row_hits >= entry.dram.activates
    assert total.latency_s == total.cycles.total / hardware.clock_hz
    assert total.energy_j == pytest.approx(total.energy_pj.total * 1e-12)
    assert total.edp_js == pytest.approx(total.energy_j * total.latency_s)
    assert total.average_power_w == pytest.approx(total.energy_j / total.latency_s)
    assert total.tops_per_w == pytest.approx(total.tops / total.average_power_w)


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_laws_of_a_network(dataflow: str) -> None:
    hardware = machine(array={"dataflow": dataflow}, buffers=buffers(1, 1, 1, banks=2, word_bits=16))
    result = simulate(network(), hardware)
    check_laws(result, hardware)
    assert result.total.macs.total == network().macs


@settings(max_examples=15, deadline=None)
@given(shape=SHAPES, dataflow=DATAFLOWS, arrays=st.sampled_from([1, 2, 4]), overlap=st.sampled_from(OVERLAPS))
def test_laws_of_one_product(shape: tuple[int, int, int], dataflow: str, arrays: int, overlap: str) -> None:
    m, n, k = shape
    hardware = machine(array={"dataflow": dataflow, "arrays": arrays, "fold_overlap": overlap})
    result = simulate(gemm(m, n, k), hardware)
    check_laws(result, hardware)
    total = result.total
    assert total.macs.total == m * n * k
    # Each operand comes in at least once, each output leaves exactly once, at 8 bit.
    assert total.dram.read_bytes >= m * k + k * n
    assert total.dram.write_bytes >= m * n
    check_outputs_leave_once(result)


def check_outputs_leave_once(result: Result) -> None:
    """Reads of the output SRAM less those of partial sums are the outputs, once; every write is read again."""
    outputs = result.total.sram.outputs
    (row,) = result.layers
    finished = row.m * row.n * row.groups * 32 / 8
    assert outputs.read_bytes == outputs.write_bytes  # nothing is left behind and nothing comes from nowhere
    assert outputs.read_bytes >= finished
    assert outputs.read_bytes % finished == 0  # once, and once more per K fold (or spill) before the last


def test_outputs_leave_exactly_once_where_nothing_is_accumulated() -> None:
    # K = 8 is one fold of 8 rows: no partial sum is ever read back.
    result = simulate(gemm(40, 24, 8), machine())
    assert result.total.sram.outputs.read_bytes == 40 * 24 * 4
    assert result.total.dram.write_bytes == 40 * 24
    deep = simulate(gemm(40, 24, 20), machine())  # three K folds: two of them are read back
    assert deep.total.sram.outputs.read_bytes == 3 * 40 * 24 * 4


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_faster_memory_is_never_slower(dataflow: str) -> None:
    work = network()

    def total(**sections: Any) -> int:
        fields = {"mapping": LATENCY, "array": {"dataflow": dataflow}} | sections
        return simulate(work, machine(**fields)).total.cycles.total

    channels = [total(dram={"channels": count, "model": "bandwidth"}) for count in (1, 2, 4, 16)]
    assert channels == sorted(channels, reverse=True)
    # with other channels other rows meet in a bank: more of them can cost a little. Tiles are those of least energy:
    # those of least latency are chosen layer by layer and so can change for nothing that the network gains
    by_bursts = [total(dram={"channels": count}, mapping={"objective": "energy"}) for count in (1, 2, 4, 16)]
    assert all(after <= 1.05 * before for before, after in itertools.pairwise(by_bursts))
    parts = [total(dram={"part": part}) for part in ("lpddr4_3200", "hbm2_2000", "ideal")]
    assert parts == sorted(parts, reverse=True)
    ports = [total(buffers=buffers(16, 16, 16, banks=banks, word_bits=16)) for banks in (1, 2, 4, 16)]
    assert ports == sorted(ports, reverse=True)


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize("shape", [(251, 97, 131), (1, 1000, 700), (500, 1, 90), (97, 13, 251)])
def test_larger_buffers_are_never_slower(shape: tuple[int, int, int], dataflow: str) -> None:
    """One product at a time: layers are mapped one by one, so a network's layers may fit together less well."""
    fields = {"array": {"dataflow": dataflow}, "mapping": LATENCY}
    capacity = [cycles(shape, buffers=buffers(kib, kib, kib, banks=4), **fields) for kib in (1, 4, 16, 64)]
    assert capacity == sorted(capacity, reverse=True)


def test_larger_buffers_of_equal_energy_per_access_do_not_cost_energy() -> None:
    """The prices are held equal by counting bytes: DRAM traffic of the best mapping for energy never grows."""
    traffic = []
    for kib in (1, 4, 16, 64):
        dram = simulate(gemm(251, 97, 131), machine(buffers=buffers(kib, kib, kib, banks=4))).total.dram
        traffic.append(dram.read_bytes + dram.write_bytes)
    assert traffic == sorted(traffic, reverse=True)
    assert traffic[-1] == 251 * 131 + 131 * 97 + 251 * 97  # everything fits: each byte moves once


@settings(max_examples=12, deadline=None)
@given(shape=SHAPES, dataflow=DATAFLOWS, arrays=st.sampled_from([1, 3]))
def test_more_overlap_and_shorter_edge_folds_are_never_slower(
    shape: tuple[int, int, int], dataflow: str, arrays: int
) -> None:
    def array(**fields: str) -> int:
        fields_of_array = {"dataflow": dataflow, "arrays": arrays, **fields}
        return cycles(shape, array=fields_of_array, mapping=LATENCY, **ONE_TILE)

    none, preload, full = (array(fold_overlap=overlap) for overlap in OVERLAPS)
    assert none >= preload >= full
    assert array(edge_folds="used") <= array(edge_folds="full")


@settings(max_examples=12, deadline=None)
@given(shape=SHAPES, dataflow=DATAFLOWS)
def test_more_arrays_are_never_slower(shape: tuple[int, int, int], dataflow: str) -> None:
    def arrays(count: int, dim: str = "auto") -> int:
        mapping = {**LATENCY, "array_dim": dim}
        return cycles(shape, array={"dataflow": dataflow, "arrays": count}, mapping=mapping, **ONE_TILE)

    one, two, four = (arrays(count) for count in (1, 2, 4))
    assert one >= two >= four
    assert four == min(arrays(4, dim) for dim in ("m", "n"))


def test_four_arrays_share_the_column_folds() -> None:
    # ws, 8 × 8: N = 64 are 8 column folds of 100 + 14 cycles; the first load is 8 cycles.
    def ideal(count: int) -> int:
        fields = {"arrays": count, "edge_folds": "full"}
        return cycles((100, 64, 8), array=fields, mapping={**LATENCY, "array_dim": "n"}, **ONE_TILE)

    assert ideal(1) == 8 + 8 * 114
    assert ideal(2) == 8 + 4 * 114
    assert ideal(4) == 8 + 2 * 114


def test_groups_are_independent_products() -> None:
    def grouped(groups: int) -> Result:
        layer = GemmLayer("grouped", "conv2d", groups, 49, 16, 9)
        return simulate(Workload("grouped", (layer,)), machine(**ONE_TILE))

    one, many = grouped(1), grouped(5)
    assert many.total.macs.total == 5 * one.total.macs.total
    assert many.total.sram.outputs.read_bytes == 5 * one.total.sram.outputs.read_bytes
    assert many.total.cycles.compute <= 5 * one.total.cycles.compute


def test_same_input_same_result_to_the_byte() -> None:
    first = simulate(network(), machine(), seed=3).to_json()
    assert simulate(network(), machine(), seed=3).to_json() == first
    assert json.loads(first)["seed"] == 3


def test_progress_counts_every_stage() -> None:
    seen: list[tuple[int, int, str]] = []
    simulate(network(), machine(), progress=lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][:2] == (len(seen), len(seen))
    assert seen[0][2] == "conv1"


def test_a_table_of_the_layers(result: Result) -> None:
    frame = result.to_pandas()
    assert list(frame["name"]) == [layer.name for layer in result.layers]
    assert frame["energy_pj.total"].sum() == pytest.approx(result.total.energy_pj.total)


def test_what_cannot_be_simulated_is_said() -> None:
    with pytest.raises(InputError, match="engine: holds 'quick'; allowed: fast"):
        simulate(gemm(1, 1, 1), machine(), engine="quick")
    with pytest.raises(
        MappingError, match=r"buffers\.weights\.kib: holds 0\.0625; layer gemm needs at least 0\.125 KiB"
    ):
        simulate(gemm(64, 64, 64), machine(buffers=buffers(64, 0.0625, 16)))
    with pytest.raises(WorkloadError, match="layer gemm: m is 0; it must be at least 1"):
        gemm(0, 1, 1)
    with pytest.raises(
        WorkloadError, match=r"layer gemm: groups·m·n·k is too large; allowed: up to 2\^50 MACs a layer"
    ):
        gemm(1 << 20, 1 << 20, 1 << 11)


def test_dram_energy_is_that_of_the_bursts_that_a_layout_costs() -> None:
    """Channels first, a tile of few channels is a run of each; channels last, each pixel is a run of its own."""
    conv = ConvGeometry(1, 8, 8, 64, 1, 1, 8, 8)
    work = Workload("w", (GemmLayer("l", "conv2d", 1, 64, 64, 64, conv=conv),))
    totals = {}
    for layout in ("tiled", "channel_last"):
        fields = {"mapping": {"layout": layout, "tile_k": 8, "tile_n": 8}, "dram": {"channels": 1}}
        total = simulate(work, machine(**fields)).total
        bursts = total.dram.row_hits + total.dram.row_misses
        assert total.energy_pj.dram == pytest.approx(bursts * 32 * 8 * 8)
        totals[layout] = total
    assert totals["channel_last"].dram.read_bytes == totals["tiled"].dram.read_bytes
    assert totals["channel_last"].energy_pj.dram > 2 * totals["tiled"].energy_pj.dram
