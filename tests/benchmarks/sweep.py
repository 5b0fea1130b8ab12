"""A sweep from a cold start: 1,000 machines with ResNet-50 on two processes."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.report import Check, Section, markdown_table

__all__ = ["run"]

WORKERS, LIMIT_S = 2, 60.0
SPECS = {
    "25 arrays with 40 memories each": """\
axes:
  array.rows: [8, 16, 24, 32, 64]
  array.cols: [8, 16, 32, 64, 128]
  buffers.activations.kib: [64, 128, 256, 512]
  dram.channels: [1, 2]
  technology.clock_mhz: [300, 400, 500, 700, 1000]
""",
    "1,000 arrays": """\
axes:
  array.rows: {range: [4, 128, 4]}
  array.cols: {range: [4, 128, 4]}
sample: {kind: random, n: 1000}
""",
}
HEAD = 'hardware: dense_int8_32x32\nmodels: ["torchvision:resnet50"]\nset: {dram.model: bandwidth}\n'
TEXT = f"""\
`bitgrove sweep`: 1,000 variants of `dense_int8_32x32` with `torchvision:resnet50`, {WORKERS} processes, bandwidth model
of the DRAM, from the start of the command to the tables, every result stored with all its layers. *CPU time* is that of
all processes; the limit on it is {LIMIT_S:.0f} s for each."""


def run() -> Section:
    """Run each sweep once, in fresh processes and an empty folder."""
    rows, checks = [], []
    for name, text in SPECS.items():
        wall_s, cpu_s = _time(HEAD + text)
        rows.append((name, f"{wall_s:.1f}", f"{cpu_s:.1f}"))
        limit_s = WORKERS * LIMIT_S
        checks.append(Check(f"sweep, {name}, CPU time", f"≤ {limit_s:.0f} s", f"{cpu_s:.1f} s", cpu_s <= limit_s))
        checks.append(Check(f"sweep, {name}, wall clock", f"≤ {LIMIT_S:.0f} s", f"{wall_s:.1f} s", wall_s <= LIMIT_S))
    return Section("A sweep", TEXT, markdown_table(("1,000 points", "wall s", "CPU s"), rows), tuple(checks))


def _time(spec: str) -> tuple[float, float]:
    """Wall clock and CPU time of the command and its workers."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(spec)
        out = ["--out", str(Path(folder) / "out")]
        command = [sys.executable, "-m", "rl.cli", "sweep", str(path), *out, "--workers", str(WORKERS)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
