"""Activations that stay on chip: what leaves DRAM's traffic, what does not change, and when there is no room."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from accel_sim import Result, load_hardware, simulate
from accel_sim.workload import GemmLayer, VectorLayer, Workload


def chain(*channels: int) -> Workload:
    """Products one behind another, 64 rows each."""
    layers = [
        GemmLayer(f"l{i}", "linear", 1, 64, n, k, inputs=(f"l{i - 1}",) if i else ())
        for i, (k, n) in enumerate(itertools.pairwise(channels))
    ]
    return Workload("chain", tuple(layers))


def run(work: Workload, keep: str, **overrides: Any) -> Result:
    fields = {f"{section}.{name}": value for section, own in overrides.items() for name, value in own.items()}
    return simulate(work, load_hardware("dense_int8_8x8", {"mapping.keep_on_chip": keep, **fields}))


@pytest.mark.parametrize("model", ["cycle_level", "bandwidth"])
def test_a_chain_that_fits_moves_weights_input_and_output_alone(model: str) -> None:
    work = chain(40, 32, 24, 16)
    never, auto = (run(work, keep, dram={"model": model}) for keep in ("never", "auto"))
    assert auto.total.dram.read_bytes == 64 * 40 + 40 * 32 + 32 * 24 + 24 * 16
    assert auto.total.dram.write_bytes == 64 * 16
    inner = 64 * (32 + 24)
    assert never.total.dram.write_bytes - auto.total.dram.write_bytes == inner
    assert auto.total.cycles.total <= never.total.cycles.total
    assert auto.total.cycles.compute == never.total.cycles.compute
    assert auto.total.macs == never.total.macs
    assert auto.total.energy_pj.dram < never.total.energy_pj.dram
    assert [row.mapping["output_on_chip"] for row in auto.layers] == [True, True, False]
    assert [row.mapping["input_on_chip"] for row in auto.layers] == [False, True, True]
    # each kept output is still written into the activation SRAM once and leaves the output SRAM once
    assert auto.total.sram.activations.write_bytes == 64 * (40 + 32 + 24)
    assert auto.total.sram.outputs == never.total.sram.outputs


def test_an_output_with_two_readers_is_stored() -> None:
    first = GemmLayer("a", "linear", 1, 8, 16, 16)
    second = GemmLayer("b", "linear", 1, 8, 16, 16, inputs=("a",))
    both = VectorLayer("sum", "add", 128, (128, 128), ("b", "a"), 128)
    result = run(Workload("residual", (first, second, both)), "auto")
    assert [row.mapping.get("output_on_chip") for row in result.layers] == [False, False, None]


def test_what_does_not_fit_is_stored() -> None:
    work = chain(64, 64, 64)
    kept = [
        run(work, "auto", buffers={"activations.kib": kib}).layers[0].mapping["output_on_chip"]
        for kib in (2, 4, 8, 16, 32)
    ]
    assert kept == sorted(kept)
    assert not kept[0]
    assert kept[-1]


def test_vector_layers_that_run_alone_pass_it_on() -> None:
    first = GemmLayer("a", "linear", 1, 8, 16, 16)
    wide = VectorLayer("softmax", "softmax", 512, (128,), ("a",), 128)
    alone = VectorLayer("copy", "copy", 128, (128,), ("softmax",), 128)
    last = GemmLayer("b", "linear", 1, 8, 4, 16, inputs=("copy",))
    work = Workload("mixed", (first, wide, alone, last))
    auto = run(work, "auto")
    assert auto.total.dram.write_bytes == 8 * 4
    assert auto.total.dram.read_bytes == 8 * 16 + 16 * 16 + 16 * 4


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
@pytest.mark.parametrize("keep", ["never", "auto"])
def test_both_engines_agree(dataflow: str, keep: str) -> None:
    hardware = load_hardware("dense_int8_8x8", {"mapping.keep_on_chip": keep, "array.dataflow": dataflow})
    fast, reference = (simulate(chain(20, 17, 9, 5), hardware, engine=engine) for engine in ("fast", "reference"))
    assert fast.layers == reference.layers
    assert fast.total == reference.total


def test_room_is_left_for_the_tile_that_is_fetched_early() -> None:
    """While ``c`` reads what stayed, a tile of ``d``, which waits for nobody, may come in."""
    layer = lambda name, m, n, k, inputs: GemmLayer(name, "linear", 1, m, n, k, inputs=inputs)  # noqa: E731
    work = Workload(
        "w", (layer("b", 256, 120, 200, ()), layer("c", 256, 120, 120, ("b",)), layer("d", 1024, 64, 16, ()))
    )
    kept = {
        kib: run(
            work,
            "auto",
            mapping={"tile_m": 1024},
            buffers={"activations.kib": kib, "weights.kib": 256, "outputs.kib": 1024},
        ).layers[0]
        for kib in (39, 128)
    }
    resident, tile = 256 * 120, 1024 * 16
    assert resident <= 39 * 1024 < resident + tile
    assert [kept[kib].mapping["output_on_chip"] for kib in (39, 128)] == [False, True]
