"""GEMMs timed on a TPU v6e against the ``tpu_v6e_like`` hwconfig: what tests, docs and plots share."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim import gemm, load_hardware, simulate

OPERAND_BITS = 16  # stands for the source's float16
STARTUP_ROWS = 4


@dataclass(frozen=True)
class Comparison:
    """Latencies in ns, row by row: measured, and simulated plus one start-up constant."""

    shapes: list[tuple[int, int, int]]
    silicon_ns: np.ndarray
    ours_ns: np.ndarray
    startup_ns: float

    @property
    def errors(self) -> np.ndarray:
        """Relative errors of the latency."""
        return self.ours_ns / self.silicon_ns - 1


VARIANTS: dict[str, dict[str, Any]] = {
    f"`fold_overlap: {overlap}`, outputs {'double' if doubled else 'single'}-buffered": {
        "array.fold_overlap": overlap,
        "buffers.outputs.double_buffered": doubled,
    }
    for overlap in ("preload", "full")
    for doubled in (True, False)
}
"""What is not public of the machine, in all combinations."""


def compare(path: Path, overrides: Mapping[str, Any] | None = None) -> Comparison:
    """Simulate every row of the file. The start-up latency is the median difference of the four shortest rows."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    hardware = load_hardware("tpu_v6e_like", overrides)
    shapes = [(int(row["m"]), int(row["n"]), int(row["k"])) for row in rows]
    silicon = np.array([float(row["latency_ns"]) for row in rows])
    ours = np.array(
        [simulate(gemm(m, n, k, OPERAND_BITS, OPERAND_BITS), hardware).total.latency_s * 1e9 for m, n, k in shapes]
    )
    shortest = np.argsort(silicon)[:STARTUP_ROWS]
    startup = float(np.median(silicon[shortest] - ours[shortest]))
    return Comparison(shapes, silicon, ours + startup, startup)
