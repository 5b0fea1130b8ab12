"""Small specifications and quick points for tests."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from rl.sweeps.plan import Plan, make_plan
from rl.sweeps.store import SweepStore
from rl.sweeps.worker import Chunk, run_chunk

TEXT = """\
hardware: dense_int8_8x8
models: ["gemm:24,16,32", "gemm:9,20,40"]
set:
  dram.model: bandwidth
axes:
  array.rows: [4, 8, 16]
  dram.channels: [1, 2]
"""
FAILING = """\
hardware: dense_int8_8x8
models: ["gemm:24,16,32"]
axes:
  buffers.weights.kib: [8, 0.015625, 16]
  array.arithmetic: [parallel, serial_act]
"""


def write(folder: Path, text: str = TEXT) -> Path:
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def plan_of(folder: Path, text: str = TEXT) -> Plan:
    return make_plan(write(folder, text), lambda text: None)


def content(store: SweepStore) -> list[Any]:
    """Everything but the seconds."""
    return [(replace(point, seconds=0.0), store.detail(point.number)) for point in store.points()]


def run_or_die(chunk: Chunk) -> Any:
    """Kills its process whenever it is to compute point 3; else as a worker does."""
    if any(job.number == 3 for job in chunk.jobs):
        os.kill(os.getpid(), signal.SIGKILL)
    return run_chunk(chunk)


def run_or_die_once(chunk: Chunk) -> Any:
    """Kills its process the first time that it is to compute point 3."""
    marker = Path(chunk.folder) / "died"
    if any(job.number == 3 for job in chunk.jobs) and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return run_chunk(chunk)
