"""This project's own fused systolic array of BitFusion's size, for comparison with BitFusion's model."""

from __future__ import annotations

from functools import cache

from accel_sim import gemm, load_hardware, simulate
from tests.validation.bitfusion import COLS, ROWS

__all__ = ["fused_cycles"]


@cache
def fused_cycles(m: int, n: int, k: int, a_bits: int, w_bits: int, rows: int = ROWS, cols: int = COLS) -> int:
    """Cycles of a weight-stationary array whose PEs fuse 16 bricks, SRAMs without limits, folds overlapped."""
    overrides = {
        "preset": "scalesim",
        "array.fold_overlap": "full",
        "array.rows": rows,
        "array.cols": cols,
        "array.arithmetic": "fused",
    }
    work = gemm(m, n, k, a_bits=a_bits, w_bits=w_bits)
    return simulate(work, load_hardware("dense_int8_16x16", overrides)).total.cycles.total
