"""Layers of ResNet-50 through SCALE-Sim and through Bitgrove, one after the other, same cycles."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from accel_sim import Workload, gemm, load_hardware, simulate
from accel_sim.mapping import search
from tests.benchmarks.measure import Times, time_calls
from tests.benchmarks.report import Check, Section, markdown_table, milliseconds
from tests.benchmarks.scalesim_environment import ScaleSim, scalesim_server

__all__ = ["run"]

ROWS = COLS = 32
DATAFLOWS = ("os", "ws", "is")
RATIO_TARGET = 10_000
WARM_REPEATS, SCRATCH_REPEATS = 50, 10
# (M, N, K) at 224×224: the stem, a small and a wide pointwise layer, an early and a late 3×3 layer.
LAYERS = {
    "conv1": (12544, 64, 147),
    "layer1.0.conv1": (3136, 64, 64),
    "layer2.1.conv2": (784, 128, 1152),
    "layer3.1.conv3": (196, 1024, 256),
    "layer4.1.conv2": (49, 512, 4608),
}
TEXT = f"""\
Five layers of ResNet-50 (224×224, batch 1) as matrix products on a {ROWS}×{COLS} array, with Bitgrove's
`preset: scalesim` and SCALE-Sim's bandwidth mode CALC. SCALE-Sim reports the index of the last cycle, so its total plus
one must be ours; the benchmark fails where a run differs.

Counted is CPU time inside the running process.

- SCALE-Sim, once per row: a call of `run_scale` without trace files (operand and demand matrices, memory, reports).
- Bitgrove: a call of `simulate` (array, memory, time line, counts, energy, result). *Warm*: median of {WARM_REPEATS}
  calls with the machine's prices and the layer's mapping remembered. *From scratch*: median of {SCRATCH_REPEATS} calls
  that search the mapping anew.
- On neither side: the start of Python, imports, compiling, reading the configuration (the section on cold processes
  counts all of them for Bitgrove).
"""


@dataclass(frozen=True)
class _Row:
    dataflow: str
    layer: str
    cycles: int
    theirs_cpu_s: float
    warm: Times
    scratch: Times

    @property
    def cells(self) -> tuple[str, ...]:
        m, n, k = LAYERS[self.layer]
        warm, scratch = self.warm.cpu_median_s, self.scratch.cpu_median_s
        return (
            f"{self.layer} {self.dataflow}",
            f"{m * n * k / 1e6:.1f}",
            f"{self.cycles:,}",
            f"{self.theirs_cpu_s:.2f}",
            milliseconds(warm),
            f"{self.theirs_cpu_s / warm:,.0f}",
            milliseconds(scratch),
            f"{self.theirs_cpu_s / scratch:,.0f}",
        )


def run() -> Section:
    """Run all layers and dataflows.

    Raises:
        RuntimeError: the two disagree about a layer's cycles.

    """
    with scalesim_server() as scalesim:
        scalesim({"rows": ROWS, "cols": COLS, "dataflow": "os", "m": 8, "n": 8, "k": 8})  # first calls of NumPy
        rows = [_compare(scalesim, dataflow, layer) for dataflow in DATAFLOWS for layer in LAYERS]
    theirs = sum(row.theirs_cpu_s for row in rows)
    warm = sum(row.warm.cpu_median_s for row in rows)
    scratch = sum(row.scratch.cpu_median_s for row in rows)
    total = (
        "**all**",
        f"{sum(m * n * k for m, n, k in LAYERS.values()) * len(DATAFLOWS) / 1e6:.1f}",
        f"{sum(row.cycles for row in rows):,}",
        f"{theirs:.2f}",
        milliseconds(warm),
        f"**{theirs / warm:,.0f}**",
        milliseconds(scratch),
        f"{theirs / scratch:,.0f}",
    )
    header = ("", "MMAC", "cycles", "SCALE-Sim s", "warm ms", "ratio", "from scratch ms", "ratio")
    lowest = min(row.theirs_cpu_s / row.warm.cpu_median_s for row in rows)
    target = f"≥ {RATIO_TARGET:,}×"
    checks = (
        Check("cycles equal SCALE-Sim's", f"{len(rows)} of {len(rows)}", f"{len(rows)} of {len(rows)}", met=True),
        Check("CPU time, SCALE-Sim / warm, all runs", target, f"{theirs / warm:,.0f}×", theirs / warm >= RATIO_TARGET),
        Check("CPU time, SCALE-Sim / warm, worst run", target, f"{lowest:,.0f}×", lowest >= RATIO_TARGET),
    )
    table = markdown_table(header, [*(row.cells for row in rows), total])
    return Section("SCALE-Sim 3.0.0, the same layers", TEXT.rstrip(), table, checks)


def _compare(scalesim: ScaleSim, dataflow: str, layer: str) -> _Row:
    m, n, k = LAYERS[layer]
    print(f"SCALE-Sim: {layer} {dataflow} ...", file=sys.stderr)  # up to half a minute each
    theirs = scalesim({"rows": ROWS, "cols": COLS, "dataflow": dataflow, "m": m, "n": n, "k": k})
    overrides = {"preset": "scalesim", "array.dataflow": dataflow}
    hardware = load_hardware(f"dense_int8_{ROWS}x{COLS}", overrides=overrides)
    work: Workload = gemm(m=m, n=n, k=k)
    cycles = simulate(work, hardware).total.cycles.total
    if theirs["total_cycles"] + 1 != cycles:
        raise RuntimeError(f"{layer} {dataflow}: SCALE-Sim counts {theirs['total_cycles']} + 1 cycles, we {cycles}")
    scratch = time_calls(lambda: simulate(work, hardware), SCRATCH_REPEATS, before=search.forget_mappings)
    warm = time_calls(lambda: simulate(work, hardware), WARM_REPEATS)
    return _Row(dataflow, layer, cycles, theirs["cpu_s"], warm, scratch)
