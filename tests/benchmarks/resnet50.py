"""ResNet-50 at 224×224, all layers: warm, with the mapping from scratch, and its memory."""

from __future__ import annotations

import json
import subprocess
import sys

from accel_sim import load_hardware, simulate
from accel_sim.mapping import search
from compress.load import load_workload
from tests.benchmarks.measure import time_calls
from tests.benchmarks.report import Check, Section, markdown_table, spread, time_checks

__all__ = ["HARDWARE", "MODEL", "run"]

HARDWARE, MODEL = "dense_int8_32x32", "torchvision:resnet50"
WARM_REPEATS, SCRATCH_REPEATS = 30, 9
WARM_LIMIT_S, SCRATCH_LIMIT_S, MEMORY_LIMIT_MB = 0.05, 1.0, 400.0
TEXT = """\
`simulate` of all layers of `torchvision:resnet50` on `dense_int8_32x32` with the bandwidth model of the DRAM (the
cycle-level one has a section of its own), batch 1, in one process, the model already read. *Warm*: mappings are
remembered. *From scratch*: they are searched anew in every run. Times in ms, median (lowest to highest).

Memory is that of a fresh process with compiled kernels on disk: resident pages (Linux, MiB) after the imports (PyTorch,
torchvision, Numba, Bitgrove), and the peak (`ru_maxrss`) after reading the model and after simulating it."""


def run() -> Section:
    """Time the simulation and weigh it."""
    work, hardware = load_workload(MODEL), load_hardware(HARDWARE, {"dram.model": "bandwidth"})
    simulate(work, hardware)
    scratch = time_calls(lambda: simulate(work, hardware), SCRATCH_REPEATS, before=search.forget_mappings)
    warm = time_calls(lambda: simulate(work, hardware), WARM_REPEATS)
    memory = _memory_mb()
    above = memory["simulated_peak"] - memory["imports"]
    times = markdown_table(
        (f"{len(work.layers)} layers", "runs", "wall ms", "CPU ms"),
        [
            ("warm", WARM_REPEATS, spread(warm.wall_s), spread(warm.cpu_s)),
            ("from scratch", SCRATCH_REPEATS, spread(scratch.wall_s), spread(scratch.cpu_s)),
        ],
    )
    weights = markdown_table(
        ("memory", "MiB", "above the imports"),
        [(what, f"{memory[key]:.0f}", f"{memory[key] - memory['imports']:.0f}") for key, what in _MEMORY_ROWS.items()],
    )
    checks = (
        *time_checks("ResNet-50, warm", WARM_LIMIT_S, warm),
        *time_checks("ResNet-50, mapping from scratch", SCRATCH_LIMIT_S, scratch),
        Check(
            "ResNet-50, peak memory above the imports (model included)",
            f"≤ {MEMORY_LIMIT_MB:.0f} MiB",
            f"{above:.0f} MiB",
            above <= MEMORY_LIMIT_MB,
        ),
    )
    return Section("ResNet-50, all layers", TEXT, f"{times}\n\n{weights}", checks)


_MEMORY_ROWS = {
    "imports": "after the imports",
    "model_peak": "peak, model read",
    "simulated_peak": "peak, simulated",
}


def _memory_mb() -> dict[str, float]:
    """MiB at the stages of :mod:`tests.benchmarks.resnet50_memory`."""
    command = [sys.executable, "-m", "tests.benchmarks.resnet50_memory", HARDWARE, MODEL]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return answer
