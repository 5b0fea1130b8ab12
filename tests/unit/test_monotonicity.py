"""What must not get worse does not: fewer bits, more zeros, larger buffers, a faster DRAM; and sums are sums."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import GemmLayer, Hardware, Result, Workload, gemm, load_hardware, simulate
from accel_sim.energy.area import AreaBreakdown, area_breakdown
from accel_sim.hardware.load import list_builtins
from accel_sim.result import EnergyBreakdown
from tests.machines import buffers, machine

SIZES = st.sampled_from([1, 3, 8, 13, 40, 96])
SHAPES = st.tuples(SIZES, SIZES, SIZES)
QUICK = settings(max_examples=30, deadline=None, derandomize=True)
SERIAL = ("parallel", "serial_act", "serial_weight", "serial_both", "fused", "term_serial_act", "term_serial_weight")


def cycles(work: Workload, hardware: Hardware) -> int:
    return simulate(work, hardware).total.cycles.total


@QUICK
@given(SHAPES, st.sampled_from(SERIAL), st.sampled_from(["ws", "is", "os"]), st.integers(1, 7))
def test_fewer_bits_never_take_longer(shape: tuple[int, int, int], kind: str, dataflow: str, bits: int) -> None:
    hardware = machine(array={"arithmetic": kind, "dataflow": dataflow}, dram={"part": "ideal"})
    rng = np.random.default_rng(bits)
    m, n, k = shape
    # the same values at both widths: what is drawn would differ
    values = {
        "activations": rng.integers(0, 1 << bits, (m, k)),
        "weights": rng.integers(-(1 << bits - 1), 1 << bits - 1, (k, n))
        if bits > 1
        else 2 * rng.integers(0, 2, (k, n)) - 1,
    }
    narrow, wide = (gemm(m, n, k, a_bits=width, w_bits=width, **values) for width in (bits, bits + 1))
    assert cycles(narrow, hardware) <= cycles(wide, hardware)


@QUICK
@given(
    SHAPES,
    st.sampled_from(["term_serial_act", "term_serial_weight", "term_serial_both"]),
    st.sampled_from([("none", "none"), ("skip_rows", "none"), ("none", "skip_waves"), ("skip_rows", "skip_waves")]),
    st.integers(0, 1000),
)
def test_more_zeros_never_take_longer(
    shape: tuple[int, int, int], kind: str, sparsity: tuple[str, str], seed: int
) -> None:
    names = ("weight_sparsity", "activation_sparsity")
    hardware = machine(array={"arithmetic": kind, **dict(zip(names, sparsity, strict=True))}, dram={"part": "ideal"})
    rng = np.random.default_rng(seed)
    m, n, k = shape
    activations, weights = rng.integers(0, 256, (m, k)), rng.integers(-128, 128, (k, n))
    fewer = (activations * rng.integers(0, 2, (m, k)), weights * rng.integers(0, 2, (k, n)))
    sparse, dense = (gemm(m, n, k, activations=a, weights=w) for a, w in (fewer, (activations, weights)))
    assert cycles(sparse, hardware) <= cycles(dense, hardware)


@QUICK
@given(SHAPES, st.sampled_from(["ws", "is", "os"]), st.sampled_from([0.25, 0.5, 1, 4, 16]))
def test_larger_buffers_never_take_longer(shape: tuple[int, int, int], dataflow: str, kib: float) -> None:
    def of(size: float) -> Hardware:
        memory = buffers(size, size, 4 * size, banks=1, word_bits=64, ports="2rw")
        fields_: dict[str, Any] = {"mapping": {"objective": "latency"}, "dram": {"model": "bandwidth"}}
        return machine(array={"dataflow": dataflow}, buffers=memory, **fields_)

    m, n, k = shape
    assert cycles(gemm(m, n, k), of(4 * kib)) <= cycles(gemm(m, n, k), of(kib))


@QUICK
@given(SHAPES, st.sampled_from(["ws", "is", "os"]), st.integers(1, 4))
def test_a_faster_dram_never_takes_longer(shape: tuple[int, int, int], dataflow: str, channels: int) -> None:
    def of(count: int, part: str = "lpddr4_3200") -> Hardware:
        tiles = {"tile_m": 32, "tile_n": 32, "tile_k": 32}
        memory = {"part": part, "channels": count, "model": "bandwidth"}
        return machine(array={"dataflow": dataflow}, dram=memory, mapping=tiles)

    work = gemm(*shape)
    ideal, fast, slow = (cycles(work, hardware) for hardware in (of(1, "ideal"), of(2 * channels), of(channels)))
    assert ideal <= fast <= slow


@pytest.mark.parametrize("name", list_builtins())
def test_components_sum_to_the_total_exactly(name: str) -> None:
    result = simulate(two_layers(), load_hardware(name))
    for entry in (*result.layers, result.total):
        parts = [getattr(entry.energy_pj, field.name) for field in fields(EnergyBreakdown)]
        assert entry.energy_pj.total == sum(parts)
    assert_sums(result)
    area = area_breakdown(load_hardware(name))
    assert area.total == sum(getattr(area, field.name) for field in fields(AreaBreakdown))
    assert result.total.area_mm2 == result.total.areas_mm2["total"] == area.total


def assert_sums(result: Result) -> None:
    for field in fields(EnergyBreakdown):
        layers = [getattr(layer.energy_pj, field.name) for layer in result.layers]
        assert getattr(result.total.energy_pj, field.name) == sum(layers)


def two_layers() -> Workload:
    first = GemmLayer("first", "linear", 1, 20, 24, 32)
    return Workload("two", (first, GemmLayer("second", "linear", 1, 20, 8, 24, inputs=("first",))))


def test_what_must_not_change_does_not() -> None:
    """Constants change energies alone; a name changes nothing; a slower clock changes no cycle on an ideal DRAM."""
    base = load_hardware("dense_int8_8x8", {"dram.part": "ideal"})
    work = two_layers()
    reference = simulate(work, base)
    dear = simulate(work, load_hardware("dense_int8_8x8", {"dram.part": "ideal", "energy.overrides": {"add_32_pj": 9}}))
    assert [layer.actions for layer in dear.layers] == [layer.actions for layer in reference.layers]
    assert dear.total.energy_pj.accumulate == pytest.approx(90 * reference.total.energy_pj.accumulate)
    assert dear.total.energy_pj.multiply == reference.total.energy_pj.multiply
    renamed = simulate(work, base.model_copy(update={"name": "other"}))
    assert renamed.total == reference.total
    slow = simulate(work, load_hardware("dense_int8_8x8", {"dram.part": "ideal", "technology.clock_mhz": 100}))
    assert slow.total.cycles == reference.total.cycles
    assert slow.total.energy_pj.multiply == reference.total.energy_pj.multiply
