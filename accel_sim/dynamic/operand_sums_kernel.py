"""Kernels: what does not depend on the order of steps, from sums over them.

The pieces that multipliers work on, and the multiplications that are not gated, are products of a moving and a resting
operand's share, summed over steps and columns; so each side is summed for itself first.
"""

from __future__ import annotations

import numpy as np

from accel_sim.dynamic.structure_kernel import NONZERO, PIECES
from accel_sim.jit import kernel

__all__ = [
    "EFFECTUAL",
    "GATED",
    "GATED_CYCLES",
    "MULTIPLIER_CYCLES",
    "WORK",
    "add_constant_beats",
    "column_sums",
    "paired_sum",
]

EFFECTUAL, GATED, MULTIPLIER_CYCLES, GATED_CYCLES, WORK = range(5)
"""Sums of multiplications: effectual and gated ones, the cycles of both, the pieces that the effectual ones work on."""


@kernel
def column_sums(cost, first, last, gates):
    """Per k over the rows ``first .. last-1`` of ``cost``: values that are not zero, and the pieces of all values
    (``gates``: of those that are not zero).
    """
    depth = cost.shape[1]
    nonzero, work = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    for t in range(first, last):
        row = cost[t]
        for k in range(depth):
            value = row[k]
            nonzero[k] += value >> np.uint8(7)
            work[k] += value & np.uint8(PIECES) if not gates or value & np.uint8(NONZERO) else np.uint8(0)
    return nonzero, work


@kernel
def paired_sum(of_k, of_edges, edge_k):
    """Sum over a block's edges of the moving operand's share of their k, times their own."""
    total = np.int64(0)
    for e in range(edge_k.size):
        total += of_k[edge_k[e]] * of_edges[e]
    return total


@kernel
def add_constant_beats(sums, nonzero, steps, beat, edge_k, edge_all, edge_nonzero, gate_moving, gate_resting):
    """Multiplications of a block over ``steps`` steps (os: rows) that take ``beat`` cycles each, and their cycles."""
    ungated = edge_nonzero if gate_resting else edge_all
    effectual = paired_sum(nonzero, ungated, edge_k) if gate_moving else steps * ungated.sum()
    gated = steps * edge_all.sum() - effectual
    sums[EFFECTUAL] += effectual
    sums[GATED] += gated
    sums[MULTIPLIER_CYCLES] += effectual * beat
    sums[GATED_CYCLES] += gated * beat
