"""How a sweep scales with workers: measured with 1, 2, 4 and 8 processes here, and a model for more machines.

``T(n) = start + points · (work / min(n, cores) + store)``: a worker's share of the points at its own pace, after the
start of the command and its processes, and what the one process that stores results does for each, which is the limit
for large clusters.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from accel_sim.files import write_atomically
from accel_sim.plots.style import COMPUTE_COLOUR, NEUTRAL, figure, freeze_layout, grid, paper_style, render_svg
from rl.sweeps.store import SweepStore
from tests.benchmarks.report import Section, markdown_table

__all__ = ["Scaling", "run"]

WORKERS, POINTS = (1, 2, 4, 8), 240
MODELLED = (1, 2, 10, 100, 1000)
SPEC = """\
hardware: dense_int8_32x32
models: ["torchvision:resnet50"]
set: {dram.model: bandwidth}
axes:
  array.rows: {range: [8, 120, 8]}
  array.cols: {range: [8, 128, 8]}
"""
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "sweep_scaling.svg"
TEXT = f"""\
{POINTS} arrays with ResNet-50 from the start of the command to the tables, with 1 to 8 worker processes on this
machine. The model is `start + points · (work / cores in use + store)`: *start* is a sweep that finds everything stored,
*store* what the one process that collects results needs for each of them, *work* follows from one worker. It leaves the
network out; at 1,000 workers the collecting process is what limits. Shards (`--shard i/n`, then `--merge`) have no such
limit."""


@dataclass(frozen=True)
class Scaling:
    """Seconds: of the whole sweep by workers, of a start without work, of storing one point."""

    total_s: Mapping[int, float]
    start_s: float
    store_s: float

    @property
    def work_s(self) -> float:
        """Of one point on one worker."""
        return (self.total_s[1] - self.start_s) / POINTS - self.store_s

    def modelled_s(self, workers: int, cores: int, points: int = POINTS) -> float:
        """The model; collecting goes on beside the work unless it takes longer."""
        return self.start_s + points * max(
            self.store_s, self.work_s / min(workers, cores, points) + self.store_s / cores
        )


def run() -> Section:
    """Measure, draw, and tell."""
    found = _measure()
    cores = len(os.sched_getaffinity(0))
    with paper_style():
        picture = _picture(found, cores)
        freeze_layout(picture)
        write_atomically(PICTURE, render_svg(picture))
    measured = [
        (
            n,
            f"{found.total_s[n]:.1f}",
            f"{found.total_s[1] / found.total_s[n]:.2f}",
            f"{found.modelled_s(n, cores):.1f}",
        )
        for n in WORKERS
    ]
    here = markdown_table(("workers here", "wall s", "speed-up", "modelled s"), measured)
    points = 100_000
    more = [(n, f"{found.modelled_s(n, n, points):,.0f}") for n in MODELLED]
    there = markdown_table(("workers with a core each", f"{points:,} points, modelled s"), more)
    constants = (
        f"start {found.start_s:.1f} s, work {1e3 * found.work_s:.0f} ms, store {1e3 * found.store_s:.2f} ms a point"
    )
    table = f"{here}\n\n{there}\n\n{constants}\n\n![Scaling of a sweep](pictures/sweep_scaling.svg)"
    return Section("A sweep on more workers", TEXT, table, ())


def _measure() -> Scaling:
    total_s: dict[int, float] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spec.yaml").write_text(SPEC)
        for workers in WORKERS:
            total_s[workers] = _time(folder, folder / str(workers), workers)
        start_s = _time(folder, folder / "1", 1)
        return Scaling(total_s, start_s, _store_s(SweepStore(folder / "1"), folder / "copy"))


def _time(folder: Path, out: Path, workers: int) -> float:
    command = [sys.executable, "-m", "rl.cli", "sweep", str(folder / "spec.yaml"), "--out", str(out)]
    start = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _store_s(source: SweepStore, folder: Path) -> float:
    """Seconds for one point to be stored, in transactions of sixteen, as a sweep does."""
    found = list(source.outcomes())
    copy = SweepStore(folder, create=True)
    start = time.perf_counter()
    for first in range(0, len(found), 16):
        copy.put(found[first : first + 16])
    return (time.perf_counter() - start) / len(found)


def _picture(found: Scaling, cores: int) -> Figure:
    fig = figure(3.5, 2.6)
    ax = fig.subplots()
    speed_ups = [found.total_s[1] / found.total_s[n] for n in WORKERS]
    modelled = [found.modelled_s(1, 1) / found.modelled_s(n, n) for n in WORKERS]
    ax.plot(WORKERS, modelled, color=NEUTRAL, ls="--", lw=0.9, label="model, a core for each worker")
    ax.plot(WORKERS, speed_ups, color=COMPUTE_COLOUR, marker="o", ms=4, label=f"measured on {cores} cores")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_xticks(WORKERS, [str(n) for n in WORKERS])
    ax.set_yticks(WORKERS, [str(n) for n in WORKERS])
    ax.set_xlabel("Worker processes")
    ax.set_ylabel("Speed-up over one worker")
    grid(ax, "both")
    ax.legend(loc="upper left")
    return fig


if __name__ == "__main__":
    print(run().markdown())
