"""What the benchmarks ran on, without names or paths."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.report import markdown_table
from tests.benchmarks.scalesim_environment import REQUIREMENTS

__all__ = ["load_per_core", "machine_table"]


def machine_table(loads: tuple[float, float]) -> str:
    """Processor, versions, and how busy the machine was at the start and at the end."""
    rows = [
        ("processor", f"{_processor()}, {_cores()} cores for this process"),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
        ("packages", ", ".join(f"{name} {version(name)}" for name in ("bitgrove", "numpy", "numba", "torch"))),
        ("SCALE-Sim's environment", ", ".join(REQUIREMENTS)),
        ("processes that want a core, per core", f"{loads[0]:.1f} at the start, {loads[1]:.1f} at the end"),
    ]
    return markdown_table(("", "value"), rows)


def load_per_core() -> float:
    """Load average of the last minute per core; above one, processes wait for each other."""
    return os.getloadavg()[0] / _cores()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
