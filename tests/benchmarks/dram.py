"""The cycle-level DRAM: bursts per second, beside the bandwidth model, and what a network costs with it."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from accel_sim import load_hardware, simulate
from accel_sim.mapping import search
from accel_sim.memory.cycle_level import ControllerSettings, run_requests
from accel_sim.memory.dram_kernel import serve
from accel_sim.memory.parts import DramPart, load_part
from compress.load import load_workload
from tests.benchmarks.measure import time_calls
from tests.benchmarks.report import Check, Section, markdown_table, spread, time_checks

__all__ = ["run"]

BURSTS = 1_000_000
REPEATS = 3
STREAM_LIMIT, RANDOM_LIMIT, NETWORK_LIMIT_S = 10e6, 3e6, 2.0
PARTS = ("lpddr4_3200", "ddr4_3200", "gddr6_12000", "hbm2_2000")
HARDWARE, MODEL = "dense_int8_32x32", "torchvision:resnet50"
TEXT = f"""\
{BURSTS:,} reads of one burst each through one channel, sent as fast as they are accepted; best of {REPEATS} runs by CPU
time, which is that of one core. *Stream*: consecutive addresses. *Random*: uniform over 2²⁴ bursts. The bandwidth model
works a transfer out at once, however long it is: given here per call, one burst each.

*ResNet-50*: `simulate` of all layers of `torchvision:resnet50` on `dense_int8_32x32` (LPDDR4, four channels), mappings
searched anew in every run, and remembered. Times in ms, median (lowest to highest)."""


def run() -> Section:
    """Rates of the parts, then the network."""
    rates = {
        (part, kind, scheduler): _bursts_per_s(load_part(part), addresses, scheduler)
        for part in PARTS
        for kind, addresses in _addresses(load_part(part)).items()
        for scheduler in ("fr_fcfs", "in_order")
    }
    header = ("million bursts/s", "stream", "random", "stream, in order", "random, in order")
    rows = [
        (part, *(f"{rates[part, kind, name] / 1e6:.1f}" for name in ("fr_fcfs", "in_order") for kind in KINDS))
        for part in PARTS
    ]
    rows.append(("bandwidth model", f"{_calls_per_s() / 1e6:.1f}", "", "", ""))
    slowest = {kind: min(rates[part, kind, "fr_fcfs"] for part in PARTS) for kind in KINDS}
    checks = [
        Check(
            f"DRAM, {kind}, slowest part, bursts per second",
            f"≥ {limit:.0e}",
            f"{slowest[kind]:.2e}",
            slowest[kind] >= limit,
        )
        for kind, limit in zip(KINDS, (STREAM_LIMIT, RANDOM_LIMIT), strict=True)
    ]
    network, network_checks = _network()
    return Section("Cycle-level DRAM", TEXT, f"{markdown_table(header, rows)}\n\n{network}", (*checks, *network_checks))


KINDS = ("stream", "random")


def _addresses(part: DramPart) -> dict[str, NDArray[np.int64]]:
    draws = np.random.default_rng(0).integers(0, 1 << 24, BURSTS)
    return {"stream": np.arange(BURSTS) * part.burst_bytes, "random": draws * part.burst_bytes}


def _bursts_per_s(part: DramPart, addresses: NDArray[np.int64], scheduler: str) -> float:
    reads, cycles = np.zeros(BURSTS, np.bool_), np.zeros(BURSTS, np.int64)
    settings = ControllerSettings(scheduler)
    run_requests(part, addresses[:100], reads[:100], cycles[:100], settings=settings)
    times = time_calls(lambda: run_requests(part, addresses, reads, cycles, settings=settings), REPEATS)
    return BURSTS / min(times.cpu_s)


def _calls_per_s() -> float:
    params = np.array([0.0, 16.0, 20.0, 1.0])
    _serve_many(params, np.zeros(2), 1)
    return BURSTS / min(time_calls(lambda: _serve_many(params, np.zeros(2), BURSTS), REPEATS).cpu_s)


@numba.njit
def _serve_many(params, state, count):  # type: ignore[no-untyped-def]
    for at in range(count):
        serve(params, state, at, 64, False)


def _network() -> tuple[str, tuple[Check, ...]]:
    work, rows, checks = load_workload(MODEL), [], list[Check]()
    for model in ("cycle_level", "bandwidth"):
        hardware = load_hardware(HARDWARE, {"dram.model": model})
        simulate(work, hardware)
        scratch = time_calls(lambda hw=hardware: simulate(work, hw), REPEATS, before=search.forget_mappings)
        warm = time_calls(lambda hw=hardware: simulate(work, hw), REPEATS)
        cycles = simulate(work, hardware).total.cycles.total
        rows.append((model, f"{cycles:,}", spread(scratch.wall_s), spread(warm.wall_s), spread(warm.cpu_s)))
        if model == "cycle_level":
            checks += time_checks("ResNet-50 with cycle-level DRAM, mapping from scratch", NETWORK_LIMIT_S, scratch)
    header = ("ResNet-50", "cycles", "from scratch, wall", "warm, wall", "warm, CPU")
    return markdown_table(header, rows), tuple(checks)
