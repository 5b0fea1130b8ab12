"""How long the command takes from a cold process."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.measure import time_process
from tests.benchmarks.report import Check, Section, markdown_table, spread, time_checks
from tests.benchmarks.resnet50 import HARDWARE, MODEL

__all__ = ["run"]

BITGROVE = Path(sys.executable).with_name("bitgrove")
# Arguments, runs, limit in seconds (none: for information).
COMMANDS: tuple[tuple[str, int, float | None], ...] = (
    ("--help", 15, 0.5),
    ("simulate dense_int8_16x16 gemm:512,512,512", 15, 2.5),
    (f"simulate {HARDWARE} {MODEL}", 3, None),
)
TEXT = """\
Each run is a new process with compiled kernels on disk and files in the page cache; times from its start to its end,
in ms, median (lowest to highest)."""


def run() -> Section:
    """Time each command."""
    rows: list[tuple[object, ...]] = []
    checks: list[Check] = []
    for arguments, runs, limit_s in COMMANDS:
        times = time_process([str(BITGROVE), *arguments.split()], runs)
        rows.append((f"`bitgrove {arguments}`", runs, spread(times.wall_s), spread(times.cpu_s)))
        if limit_s is not None:
            checks += time_checks(f"`bitgrove {arguments}`", limit_s, times)
    return Section("Cold processes", TEXT, markdown_table(("", "runs", "wall ms", "CPU ms"), rows), tuple(checks))
