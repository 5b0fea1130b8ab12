"""Traces of random machines against the simulation's own counts and times."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accel_sim import GemmLayer, gemm, load_hardware
from accel_sim.address_trace.dram import network_bursts
from accel_sim.address_trace.elements import layer_elements
from accel_sim.address_trace.folds import takes_values
from accel_sim.array.beats import step_lanes
from accel_sim.hardware.schema import NmSparsity
from accel_sim.operands import LayerOperands
from accel_sim.workload import ConvGeometry
from tests.machines import buffers, machine
from tests.unit.address_trace.traced import Traced, trace, traceable_case
from tests.unit.dynamic.cases import Case
from tests.unit.test_simulation import network

SEEDS = st.integers(0, 2**32 - 1)
BITS = {"activations": "a_bits", "weights": "w_bits"}


@settings(max_examples=60, deadline=None)
@given(SEEDS)
@example(380417)  # tiles without folds that wait for DRAM
def test_accesses_are_what_the_result_counts(seed: int) -> None:
    """Every operand that crosses an edge, every sum that is written and read back; padding apart."""
    case = traceable_case(seed)
    found = trace(case.layer, case.hardware)
    (run,) = found.run.runs
    assert run is not None
    for memory, bits in BITS.items():
        width = getattr(case.layer, bits) + (_index_bits(case) if memory == "weights" else 0)
        counted = getattr(run.edges, memory).read_bytes * 8 / width
        accesses = len(found.accesses(memory))
        if memory == "activations" and case.layer.conv is not None:
            assert accesses <= counted
        else:
            assert accesses == counted
    sums, acc = run.edges.outputs, case.hardware.array.acc_bits
    assert len(found.accesses("outputs", "write")) == sums.write_bytes * 8 / acc
    if not takes_values(case.hardware.array):  # each final output leaves the SRAM once, behind the array
        assert len(found.accesses("outputs")) + case.layer.output_elements == sums.read_bytes * 8 / acc
        assert set(found.accesses("outputs", "write").address) == set(range(case.layer.output_elements))
    assert not len(found.accesses("activations", "write")) + len(found.accesses("weights", "write"))


def _index_bits(case: Case) -> int:
    """Width of the index beside a weight that says which of its candidates it multiplies."""
    sparsity = case.hardware.array.weight_sparsity
    if isinstance(sparsity, NmSparsity):
        return (sparsity.of - 1).bit_length()
    return (case.hardware.array.pack_limit - 1).bit_length() if sparsity == "pack_columns" else 0


@settings(max_examples=60, deadline=None)
@given(SEEDS)
@example(2234)  # overlapping loads after a wait, of folds that leave the first row free
@example(703)  # after a wait, arrays that are ahead
def test_a_port_is_used_once_in_a_cycle_and_within_the_run(seed: int) -> None:
    case = traceable_case(seed)
    found = trace(case.layer, case.hardware)
    table, array = found.sram, case.hardware.array
    assert ((table.cycle >= 0) & (table.cycle < found.result.total.cycles.total)).all()
    at_once = table.groupby(["cycle", "memory", "access", "array", "port", "lane"], observed=True).size()
    if array.dataflow != "os" or array.os_drain:
        assert (at_once == 1).all()
    lines = {"activations": array.cols if array.dataflow == "is" else array.rows, "outputs": array.cols}
    lines["weights"] = array.rows if array.dataflow == "is" else array.cols
    for memory, count in lines.items():
        of_memory = table[table.memory == memory]
        assert ((of_memory.port >= 0) & (of_memory.port < count)).all()
    assert set(table.array) <= set(range(array.arrays))
    if isinstance(array.weight_sparsity, str) and array.weight_sparsity != "pack_columns":
        assert (table.lane < step_lanes(array, case.layer.a_bits, case.layer.w_bits)).all()


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_an_output_is_read_back_after_it_was_written(seed: int) -> None:
    case = traceable_case(seed)
    found = trace(case.layer, case.hardware)
    writes = found.accesses("outputs", "write").groupby("address").cycle.apply(sorted).to_dict()
    reads = found.accesses("outputs").groupby("address").cycle.apply(sorted).to_dict()
    for address, cycles in reads.items():
        before = writes[address][-len(cycles) :]
        assert all(read <= write for read, write in zip(cycles, before, strict=True))
        if not takes_values(case.hardware.array):
            assert all(write <= read for write, read in zip(writes[address], cycles, strict=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"mapping.tile_m": 16},
        {"array.arithmetic": "term_serial_act", "dram.channels": 1, "array.dataflow": "os"},
    ],
)
def test_a_network_with_stalls(changes: dict[str, object]) -> None:
    built = load_hardware("dense_int8_8x8", changes)
    work = network()
    found = trace(work, built)
    assert set(found.sram.layer) == {layer.name for layer in work.layers if isinstance(layer, GemmLayer)}
    first, last = found.sram.groupby("layer", observed=True).cycle.agg(["min", "max"]).sort_values("min").T.to_numpy()
    assert (last[:-1] < first[1:]).all()  # stages do not overlap on the array
    _check_bursts(found)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
@example(96549628)  # a read is the last transfer, while writes wait in the queues
def test_bursts_are_the_rows_that_the_result_counts(seed: int) -> None:
    case = traceable_case(seed)
    tree = case.hardware.model_dump()
    tree["dram"] |= {"part": ("ddr4_2400", "lpddr4_3200", "hbm2_2000")[seed % 3], "channels": 1 + seed % 2}
    hardware = type(case.hardware).model_validate(tree)
    _check_bursts(trace(case.layer, hardware))


def _check_bursts(found: Traced) -> None:
    total, line, part = found.result.total, found.run.timeline, found.run.machine.dram.part
    assert len(found.dram) == total.dram.row_hits + total.dram.row_misses
    assert ((found.dram.cycle >= 0) & (found.dram.cycle < total.cycles.total)).all()
    assert (found.dram.address % part.burst_bytes == 0).all()
    for tile, kind in zip(*divmod(line.order, 4), strict=True):
        assert line.transfers[tile, kind, 1] > 0
    assert len(line.order) == np.count_nonzero(line.sizes_bytes)
    for bursts, place in zip(network_bursts(found.run), line.order, strict=True):
        request, end = line.transfers[place // 4, place % 4]
        assert request <= bursts.cycles.min() <= bursts.cycles.max() < end
        assert (np.diff(bursts.clocks) >= 0).all()


def test_partial_sums_in_dram_are_told_from_outputs() -> None:
    hardware = machine(mapping={"tile_m": 8, "tile_n": 8, "tile_k": 8, "loop_order": "knm"})
    found = trace(gemm(m=16, n=16, k=24, a_bits=8, w_bits=8), hardware)
    kinds = Counter(zip(found.dram.tensor, found.dram.access, strict=True))
    spilled = 2 * 16 * 16 * 4 // found.run.machine.dram.part.burst_bytes
    assert kinds["partial_sums", "write"] == kinds["partial_sums", "read"] == spilled
    assert kinds["output", "write"] > 0
    assert kinds["extra", "read"] == 0


def test_no_cycle_level_dram_no_bursts() -> None:
    for dram in ({"part": "ideal"}, {"model": "bandwidth"}):
        assert trace(gemm(m=4, n=4, k=4, a_bits=8, w_bits=8), machine(dram=dram)).dram.empty


@pytest.mark.parametrize("layout", ["channel_last", "channel_first"])
def test_activations_are_numbered_as_the_feature_map_lies(layout: str) -> None:
    """Against the im2col matrix of a feature map that holds its own numbers."""
    conv = ConvGeometry(2, 5, 4, 3, 3, 2, 3, 2, stride_h=2, stride_w=2, pad_top=1, pad_left=1, dilation_w=2)
    layer = GemmLayer("layer", "conv2d", 2, 2 * 3 * 2, 4, 18, conv=conv)
    numbers = np.arange(1, 1 + 2 * 6 * 5 * 4)
    if layout == "channel_first":
        feature_map = numbers.reshape(2, 6, 5, 4)
    else:
        feature_map = numbers.reshape(2, 5, 4, 6).transpose(0, 3, 1, 2)
    operands = LayerOperands(layer, feature_map, np.zeros((2, 18, 4), np.int64))
    elements = layer_elements(layer, layout)
    for group in range(2):
        found = elements.activations(group, np.arange(layer.m)[:, None], np.arange(layer.k))
        assert np.array_equal(found + 1, operands.activations(group))


def test_outputs_are_numbered_as_the_next_layer_reads_them() -> None:
    conv = ConvGeometry(2, 3, 3, 1, 1, 1, 3, 3)
    layer = GemmLayer("layer", "conv2d", 2, 18, 2, 1, conv=conv)
    reader = GemmLayer("reader", "conv2d", 1, 18, 1, 4, conv=ConvGeometry(2, 3, 3, 4, 1, 1, 3, 3))
    for layout in ("tiled", "channel_last", "channel_first"):
        written, read = layer_elements(layer, layout), layer_elements(reader, layout)
        for channel in range(4):
            m = np.arange(18)
            left = written.outputs(channel // 2, m, np.array(channel % 2))
            assert np.array_equal(left, read.activations(0, m, np.array(channel)))


def test_narrow_ports_and_capacity() -> None:
    """Tiles, stretched beats and waits at once."""
    sizes = buffers(0.5, 0.5, 0.5, word_bits=16)
    for dataflow in ("ws", "is", "os"):
        hardware = machine(array={"dataflow": dataflow, "fold_overlap": "preload"}, buffers=sizes)
        found = trace(gemm(m=40, n=24, k=50, a_bits=8, w_bits=8), hardware)
        assert len(found.run.timeline.tiles) > 10
        assert len(found.accesses("activations")) > 40 * 50
        assert set(found.accesses("outputs", "write").address) == set(range(40 * 24))
