"""Kernel: the order in which exact greedy OBS removes weights or blocks, and what each removal costs.

Outputs that share a mask (a *set*: one row of weights, or the columns of a block) share the inverse Hessian of what is
left. Removing input q costs ``sum(w_q²) / d`` with ``d`` the inverse's diagonal there, moves the other weights by
``-w_q / d`` times its column, and takes that column's outer product over d from the inverse. That is a pivoted
Cholesky factorisation, right-looking: what is removed leaves the matrix (the last row takes its place), and outer
products wait until several are subtracted in one pass over the lower triangle. k³/6 multiply-adds a set in all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel

__all__ = ["greedy_traces"]

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

PENDING = 32
"""Outer products that wait for a pass; a multiple of 4."""
SMALLEST = 1e-30
"""Lower bound of the inverse's diagonal, against rounding."""


@kernel
def _subtract_pending(inverse: Floats, columns: Floats, pending: int, live: int) -> None:
    """Subtract the waiting outer products from the lower triangle."""
    for first in range(0, pending, 4):
        # rows of zeros fill up the last four
        a, b, c, d = columns[first], columns[first + 1], columns[first + 2], columns[first + 3]
        for i in range(live):
            row = inverse[i]
            fa, fb, fc, fd = a[i], b[i], c[i], d[i]
            for j in range(i + 1):
                row[j] -= fa * a[j] + fb * b[j] + fc * c[j] + fd * d[j]
    for t in range(pending):
        for j in range(live):
            columns[t, j] = 0


@kernel
def _current_column(inverse: Floats, columns: Floats, pending: int, live: int, p: int, out: Floats) -> None:
    """Column ``p`` of the inverse with the waiting outer products taken off."""
    for j in range(p):
        out[j] = inverse[p, j]
    for j in range(p, live):
        out[j] = inverse[j, p]
    for t in range(pending):
        factor = columns[t, p]
        for j in range(live):
            out[j] -= factor * columns[t, j]


@kernel
def _remove(
    inverse: Floats,
    columns: Floats,
    pending: int,
    live: int,
    p: int,
    weights: Floats,
    diagonal: Floats,
    at: Integers,
    place: Integers,
) -> None:
    """Remove position ``p``; its scaled column becomes the waiting one number ``pending``."""
    column = columns[pending]
    _current_column(inverse, columns, pending, live, p, column)
    root = np.sqrt(max(column[p], SMALLEST))
    for i in range(live):
        column[i] /= root
        diagonal[i] -= column[i] * column[i]
    outputs = weights.shape[1]
    for o in range(outputs):
        step = weights[p, o] / root
        for i in range(live):
            weights[i, o] -= step * column[i]
    last = live - 1
    place[at[p]] = -1
    if p != last:
        for j in range(p):
            inverse[p, j] = inverse[last, j]
        for j in range(p + 1, last):
            inverse[j, p] = inverse[last, j]
        inverse[p, p] = inverse[last, last]
        for t in range(pending + 1):
            columns[t, p] = columns[t, last]
        for o in range(outputs):
            weights[p, o] = weights[last, o]
        diagonal[p] = diagonal[last]
        at[p] = at[last]
        place[at[p]] = p
    for t in range(pending + 1):
        columns[t, last] = 0


@kernel
def _block_cost(
    inverse: Floats, weights: Floats, place: Integers, first: int, stop: int, matrix: Floats, values: Floats
) -> float:
    """What it costs to remove inputs ``first`` to ``stop - 1`` together: one after another, each after the others."""
    size, outputs = stop - first, weights.shape[1]
    for i in range(size):
        row = place[first + i]
        for o in range(outputs):
            values[i, o] = weights[row, o]
        for j in range(size):
            col = place[first + j]
            matrix[i, j] = inverse[max(row, col), min(row, col)]
    cost = 0.0
    for q in range(size):
        d = max(matrix[q, q], SMALLEST)
        for o in range(outputs):
            cost += values[q, o] * values[q, o] / d
        for i in range(q + 1, size):
            factor = matrix[i, q] / d
            for o in range(outputs):
                values[i, o] -= factor * values[q, o]
            for j in range(q + 1, size):
                matrix[i, j] -= factor * matrix[q, j]
    return cost


@kernel
def _cheapest_input(
    weights: Floats, diagonal: Floats, at: Integers, live: int, quota_of: Integers, left: Integers
) -> tuple[int, float]:
    """Of single inputs whose quota is not used up, the one that costs least; the lowest of equal ones."""
    best, best_cost = -1, np.inf
    for p in range(live):
        if left[quota_of[at[p]]] == 0:
            continue
        cost = 0.0
        for o in range(weights.shape[1]):
            cost += weights[p, o] * weights[p, o]
        cost /= max(diagonal[p], SMALLEST)
        if cost < best_cost or (cost == best_cost and at[p] < best):
            best, best_cost = at[p], cost
    return best, best_cost


@kernel
def _cheapest_block(
    inverse: Floats, weights: Floats, place: Integers, block: int, matrix: Floats, values: Floats
) -> tuple[int, float]:
    """Of blocks of inputs, the one that costs least for each of its inputs."""
    k = len(place)
    best, best_cost = -1, np.inf
    for first in range(0, k, block):
        if place[first] < 0:
            continue
        stop = min(first + block, k)
        cost = _block_cost(inverse, weights, place, first, stop, matrix, values) / (stop - first)
        if cost < best_cost:
            best, best_cost = first // block, cost
    return best, best_cost


@kernel
def greedy_traces(
    weights: Floats, inverse: Floats, block: int, quota_of: Integers, quota: Integers
) -> tuple[Integers, Floats]:
    """Remove blocks of ``block`` consecutive inputs, the cheapest first, from each set by itself.

    Args:
        weights: ``(sets, k, outputs)``.
        inverse: ``(k, k)`` of the Hessian.
        quota_of: ``(k,)`` which quota an input counts towards; quotas hold for ``block`` 1 only.
        quota: inputs that may go, by quota.

    Returns:
        ``(sets, steps)`` the blocks in the order of removal, and what each costs per input of it, the others moved to
        make up for it.
    """
    sets, k, outputs = weights.shape
    steps = quota.sum() if block == 1 else (k + block - 1) // block
    order = np.empty((sets, steps), np.int64)
    costs = np.empty((sets, steps), weights.dtype)
    room = PENDING if block <= PENDING else (block + 3) // 4 * 4
    matrix = np.empty((block, block), weights.dtype)
    values = np.empty((block, outputs), weights.dtype)
    for s in range(sets):
        rest, w, diagonal = inverse.copy(), weights[s].copy(), np.diag(inverse).copy()
        at, place = np.arange(k), np.arange(k)
        left = quota.copy()
        live, pending = k, 0
        columns = np.zeros((room, k), weights.dtype)
        for step in range(steps):
            if block == 1:
                chosen, cost = _cheapest_input(w, diagonal, at, live, quota_of, left)
                left[quota_of[chosen]] -= 1
            else:
                chosen, cost = _cheapest_block(rest, w, place, block, matrix, values)
            order[s, step], costs[s, step] = chosen, cost
            for q in range(chosen * block, min((chosen + 1) * block, k)):
                _remove(rest, columns, pending, live, place[q], w, diagonal, at, place)
                live -= 1
                pending += 1
            # the cost of a block reads the matrix itself
            if block > 1 or pending == room:
                _subtract_pending(rest, columns, pending, live)
                pending = 0
    return order, costs
