"""Folds: how a GEMM (or a tile of one) is laid on the array.

========= ============== =========== ============ ==================
dataflow  row index      col index   time step    stationary
========= ============== =========== ============ ==================
``ws``    k (by lanes)   n           m            weights
``is``    k (by lanes)   m           n            activations
``os``    m              n           k (by lanes) partial sums
========= ============== =========== ============ ==================

A *fold* is one filling of the array; ``ceil(row extent/rows) · ceil(col extent/cols)`` of them, each of ``T`` steps.
Folds run column fold by column fold, the K folds of one column fold (ws, is) innermost, so that its partial sums are
finished before the next begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.hardware.schema import ArrayConfig

__all__ = ["DATAFLOW_CODE", "FoldGrid", "fold_grid"]

DATAFLOW_CODE = {"ws": 0, "is": 1, "os": 2}
"""How kernels name the dataflows."""


@dataclass(frozen=True)
class FoldGrid:
    """Folds of one GEMM: their numbers along rows and columns, steps of each, and what the last ones fill."""

    row_folds: int
    col_folds: int
    steps: int
    last_rows: int
    last_cols: int

    @property
    def folds(self) -> int:
        """Fillings of the array."""
        return self.row_folds * self.col_folds


def fold_grid(array: ArrayConfig, m: int, n: int, k: int) -> FoldGrid:
    """The folds of an ``m × n × k`` product.

    >>> fold_grid(ArrayConfig(rows=8, cols=8, dataflow="ws"), m=100, n=20, k=30)
    FoldGrid(row_folds=4, col_folds=3, steps=100, last_rows=6, last_cols=4)
    """
    k_steps = -(-k // array.lanes)
    row_extent, col_extent, steps = {
        "ws": (k_steps, n, m),
        "is": (k_steps, m, n),
        "os": (m, n, k_steps),
    }[array.dataflow]
    row_folds = -(-row_extent // array.rows)
    col_folds = -(-col_extent // array.cols)
    return FoldGrid(
        row_folds=row_folds,
        col_folds=col_folds,
        steps=steps,
        last_rows=row_extent - (row_folds - 1) * array.rows,
        last_cols=col_extent - (col_folds - 1) * array.cols,
    )
