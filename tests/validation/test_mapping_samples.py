"""The mapper against chance: no legal mapping that is drawn at random is better than the one that it chose."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim import load_hardware
from accel_sim.machine import Machine, build_machine
from accel_sim.mapping.ranks import exact_rank
from accel_sim.mapping.search import find_tiling
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.memory.footprint_kernel import conv_vector, input_elements
from accel_sim.schedule import ArrayWork, build_stages
from compress import load_workload

BANDWIDTH = {"dram.model": "bandwidth"}
CYCLE_LEVEL = {"dram.model": "cycle_level"}
"""A drawn mapping takes some 50 ms there, so fewer are drawn; leakage in the cycles of rows and refreshes may pass."""
MOST_TILES = 20_000
"""A mapping of more tiles takes seconds to rank, and is never among the good ones."""


@pytest.mark.parametrize(
    ("model", "hardware", "samples", "overrides", "slack"),
    [
        ("torchvision:mobilenet_v2", "dense_int8_32x32", 20, BANDWIDTH, 1e-12),
        *(
            pytest.param(model, hardware, samples, overrides, slack, marks=pytest.mark.validate)
            for model in ("torchvision:resnet50", "torchvision:mobilenet_v2")
            for hardware in ("dense_int8_32x32", "dense_int8_32x32_os")
            for samples, overrides, slack in ((1000, BANDWIDTH, 1e-12), (60, CYCLE_LEVEL, 0.005))
        ),
    ],
)
def test_no_drawn_mapping_is_better(
    model: str, hardware: str, samples: int, overrides: dict[str, str], slack: float
) -> None:
    machine = build_machine(load_hardware(hardware, overrides))
    works = dict.fromkeys(
        stage.array_work.anonymous() for stage in build_stages(load_workload(model)) if stage.array_work is not None
    )
    generator = np.random.default_rng(0)
    for work in works:
        best = exact_rank(machine, work, find_tiling(machine, work))[0]
        drawn = {tiling for _ in range(samples) if (tiling := _drawn(work, generator)) is not None}
        legal = [tiling for tiling in drawn if _fits(machine, work, tiling)]
        better = [tiling for tiling in legal if exact_rank(machine, work, tiling)[0] < best * (1 - slack)]
        assert not better, (work.layer, better[0])


def _drawn(work: ArrayWork, generator: np.random.Generator) -> Tiling | None:
    """Sizes whose logarithms are uniform, and a loop order."""
    layer = work.layer
    sizes = [
        int(min(extent, max(1, round(extent ** generator.random()))))
        for extent in (layer.m, layer.n, layer.k, layer.groups)
    ]
    m, n, k, g = sizes
    inner = -(-layer.m // m) * -(-layer.n // n) * -(-layer.k // k)
    g = g if inner == 1 else 1  # several groups in a tile: whole ones
    tiling = Tiling(m, n, k, g, LOOP_ORDERS[generator.integers(len(LOOP_ORDERS))])
    return tiling if inner * -(-layer.groups // g) <= MOST_TILES else None


def _fits(machine: Machine, work: ArrayWork, tiling: Tiling) -> bool:
    layer, conv = work.layer, conv_vector(work.layer.conv)
    most = max(
        int(input_elements(conv, m, min(layer.m, m + tiling.tile_m), k, min(layer.k, k + tiling.tile_k)))
        for m in range(0, layer.m, tiling.tile_m)
        for k in range(0, layer.k, tiling.tile_k)
    )
    need_bits = (
        most * tiling.tile_g * layer.a_bits,
        tiling.tile_g * tiling.tile_k * tiling.tile_n * layer.w_bits,
        tiling.tile_g * tiling.tile_m * tiling.tile_n * machine.hardware.array.acc_bits,
    )
    return all(need <= half for need, half in zip(need_bits, machine.half_bits, strict=True))
