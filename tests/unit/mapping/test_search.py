"""The mapper: legal, not worse than any other legal tiling, and clear when there is none."""

from __future__ import annotations

import random

import pytest

from accel_sim.errors import MappingError
from accel_sim.layer_run import Dependencies, lay_out, layer_actions
from accel_sim.machine import build_machine
from accel_sim.mapping import search
from accel_sim.mapping.ranks import Ranks, exact_rank
from accel_sim.mapping.search import find_tiling
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.memory.footprint_kernel import conv_vector, input_elements
from accel_sim.schedule import ArrayWork
from accel_sim.workload import ConvGeometry, GemmLayer
from tests.machines import buffers, machine


def gemm_work(m, n, k, groups=1, **fields):
    layer = GemmLayer("layer", "gemm", groups=groups, m=m, n=n, k=k, **fields)
    return ArrayWork(layer, stored_bytes=groups * m * n, extra_bytes=0, vector_operations=groups * m * n)


def conv_work(size=28, channels=32, filters=48, kernel=3, stride=1):
    out = (size + 2 * (kernel // 2) - kernel) // stride + 1
    geometry = ConvGeometry(1, size, size, channels, kernel, kernel, out, out, stride, stride, kernel // 2, kernel // 2)
    return gemm_work(out * out, filters, kernel * kernel * channels, conv=geometry)


WORKS = {
    "square": gemm_work(200, 160, 300),
    "one row": gemm_work(1, 1000, 700),
    "one column": gemm_work(500, 1, 90),
    "ones": gemm_work(1, 1, 1),
    "depthwise": gemm_work(196, 1, 9, groups=64),
    "conv": conv_work(),
    "strided conv": conv_work(stride=2),
    "pointwise": conv_work(kernel=1),
}


def is_legal(built, work, tiling):
    """Every tile fits a half of its SRAM, counted tile by tile."""
    layer = work.layer
    conv = conv_vector(layer.conv)
    for m0 in range(0, layer.m, tiling.tile_m):
        for k0 in range(0, layer.k, tiling.tile_k):
            m1, k1 = min(layer.m, m0 + tiling.tile_m), min(layer.k, k0 + tiling.tile_k)
            if tiling.tile_g * input_elements(conv, m0, m1, k0, k1) * layer.a_bits > built.half_bits[0]:
                return False
    weights = tiling.tile_g * tiling.tile_k * tiling.tile_n * layer.w_bits
    outputs = tiling.tile_g * tiling.tile_m * tiling.tile_n * built.hardware.array.acc_bits
    return weights <= built.half_bits[1] and outputs <= built.half_bits[2]


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_no_sampled_legal_tiling_is_better(name, dataflow, objective):
    mapping = {"objective": objective}
    built = build_machine(
        machine(array={"dataflow": dataflow}, mapping=mapping, buffers=buffers(16, 8, 8), dram={"model": "bandwidth"})
    )
    assert_no_sample_is_better(built, WORKS[name], f"{name}{dataflow}{objective}", 150, slack=0)


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("layout", ["channel_last", "channel_first", "tiled"])
@pytest.mark.parametrize(("objective", "slack"), [("energy", 0.005), ("edp", 0.005), ("latency", 0.05)])
def test_with_the_memory_controllers_no_sampled_legal_tiling_is_much_better(name, layout, objective, slack):
    """What rows, refreshes and turns of the bus cost is not known before a tiling has been run."""
    mapping = {"objective": objective, "layout": layout}
    built = build_machine(machine(mapping=mapping, buffers=buffers(16, 8, 8), dram={"model": "cycle_level"}))
    assert_no_sample_is_better(built, WORKS[name], f"{name}{layout}{objective}", 40, slack)


def assert_no_sample_is_better(built, work, seed, samples, slack):
    chosen = find_tiling(built, work)
    assert is_legal(built, work, chosen)
    best = exact_rank(built, work, chosen)[0]
    rng = random.Random(seed)
    layer, array = work.layer, built.hardware.array
    unit = {"ws": (1, array.cols, array.rows), "is": (array.cols, 1, array.rows), "os": (array.rows, array.cols, 1)}
    better = []
    for _ in range(samples):
        sizes = [
            min(extent, step * rng.randint(1, -(-extent // step)))
            for extent, step in zip((layer.m, layer.n, layer.k), unit[array.dataflow], strict=True)
        ]
        tiling = Tiling(*sizes, tile_g=1, loop_order=rng.choice(LOOP_ORDERS))
        if is_legal(built, work, tiling):
            score = exact_rank(built, work, tiling)[0]
            if score < best * (1 - slack):
                better.append((score / best, tiling))
    assert not better, (chosen, min(better, key=lambda pair: pair[0]))


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("order", LOOP_ORDERS)
def test_every_tile_is_fetched_once_per_visit_and_every_output_stored_once(name, order):
    """DRAM traffic of a random tiling against walking the tile loops."""
    work = WORKS[name]
    layer = work.layer
    built = build_machine(machine())
    tiling = Tiling(max(1, layer.m // 3), max(1, layer.n // 2), max(1, layer.k // 4), tile_g=1, loop_order=order)
    run = lay_out(built, work, tiling, Dependencies())
    actions = layer_actions(built, work, run, 1000)
    expected = _walk(built, work, tiling)
    assert (actions.dram.read_bytes, actions.dram.write_bytes) == expected


def _walk(built, work, tiling):
    layer = work.layer
    conv = conv_vector(layer.conv)
    loops = {
        "m": [(i, min(layer.m, i + tiling.tile_m)) for i in range(0, layer.m, tiling.tile_m)],
        "n": [(i, min(layer.n, i + tiling.tile_n)) for i in range(0, layer.n, tiling.tile_n)],
        "k": [(i, min(layer.k, i + tiling.tile_k)) for i in range(0, layer.k, tiling.tile_k)],
    }
    visits = [{}]
    for name in tiling.loop_order:
        visits = [{**visit, name: part} for visit in visits for part in loops[name]]
    acc_bytes = built.hardware.array.acc_bits // 8
    reads = writes = 0
    for _ in range(layer.groups):
        held = {"a": None, "w": None, "o": None}
        for index, visit in enumerate(visits):
            (m0, m1), (n0, n1), (k0, k1) = visit["m"], visit["n"], visit["k"]
            size = (m1 - m0) * (n1 - n0)
            if held["a"] != (visit["m"], visit["k"]):
                reads += int(input_elements(conv, m0, m1, k0, k1))
            if held["w"] != (visit["k"], visit["n"]):
                reads += (k1 - k0) * (n1 - n0)
            if held["o"] != (visit["m"], visit["n"]) and k0 > 0:
                reads += size * acc_bytes
            held = {"a": (visit["m"], visit["k"]), "w": (visit["k"], visit["n"]), "o": (visit["m"], visit["n"])}
            following = visits[index + 1] if index + 1 < len(visits) else None
            if k1 == layer.k:
                writes += size
            elif following is None or (following["m"], following["n"]) != held["o"]:
                writes += size * acc_bytes
    return reads, writes


def test_a_buffer_too_small_for_any_tile_says_which_and_how_much():
    built = build_machine(machine(buffers=buffers(64, 0.0625, 16)))
    with pytest.raises(
        MappingError, match=r"buffers\.weights\.kib: holds 0\.0625; layer layer needs at least 0\.125 KiB"
    ):
        find_tiling(built, gemm_work(64, 64, 64))


def test_a_layer_with_very_many_tiles_is_mapped_all_the_same():
    built = build_machine(machine(buffers=buffers(4, 2, 2)))
    work = gemm_work(8000, 8000, 300)
    chosen = find_tiling(built, work)
    assert is_legal(built, work, chosen)
    assert (8000 // chosen.tile_m) * (8000 // chosen.tile_n) * (300 // chosen.tile_k) > 1 << 17


def test_a_layer_with_too_many_tiles_says_so():
    built = build_machine(machine(mapping={"tile_m": 1, "tile_n": 1, "tile_k": 1}))
    with pytest.raises(
        MappingError, match=r"no cut of at most 4,194,304 tiles fits all buffers at once; enlarge buffers"
    ):
        find_tiling(built, gemm_work(2000, 2000, 300))


def test_fixed_tiles_and_order_are_taken():
    fixed = {"tile_m": 40, "tile_n": 16, "tile_k": 24, "loop_order": "knm"}
    tiling = find_tiling(build_machine(machine(mapping=fixed)), gemm_work(100, 100, 100))
    assert (tiling.tile_m, tiling.tile_n, tiling.tile_k, tiling.loop_order) == (40, 16, 24, "knm")


def test_a_larger_buffer_is_never_worse():
    work = WORKS["conv"]
    scores = []
    for scale in (1, 2, 4, 8):
        built = build_machine(
            machine(buffers=buffers(8 * scale, 4 * scale, 4 * scale), mapping={"objective": "latency"})
        )
        scores.append(exact_rank(built, work, find_tiling(built, work))[0])
    assert scores == sorted(scores, reverse=True)


def test_a_layer_of_too_many_bursts_is_mapped_without_the_controllers(monkeypatch):
    """A huge layer would take longer to map than to simulate."""
    built = build_machine(machine(mapping={"objective": "latency"}, dram={"model": "cycle_level"}))
    work = WORKS["pointwise"]
    monkeypatch.setattr(search, "_MOST_BURSTS", 0)
    monkeypatch.setattr(Ranks, "exact", lambda *_: pytest.fail("through the controllers"))
    search.forget_mappings()
    chosen = find_tiling(built, work)
    search.forget_mappings()
    assert is_legal(built, work, chosen)
