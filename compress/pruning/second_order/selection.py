"""Which blocks of weights go by second-order cost; single weights are blocks of 1×1."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.blocks import block_means, expand_blocks
from compress.pruning.criterion import pruned_count
from compress.pruning.second_order.greedy import Traces, chosen_by_cost, traces
from compress.pruning.second_order.hessian import EXACT_WORK, Problem
from compress.pruning.second_order.sweep import BLOCK_COLUMNS, sweep

__all__ = ["by_columns", "by_exact_greed", "kept_blocks"]


def kept_blocks(problem: Problem, ratio: float, rows: int, cols: int) -> Tensor:
    """The blocks of ``W[k, n]`` that stay when exactly ``pruned_count(ratio, blocks)`` go.

    Exactly greedy while that takes at most :data:`EXACT_WORK` multiply-adds, k³/6 for every block along n; else
    SparseGPT's way.

    Returns:
        ``(groups, ceil(k / rows), ceil(n / cols))`` bool.
    """
    groups, n, k = problem.rows.shape
    along_n = -(-n // cols)
    count = pruned_count(ratio, groups * -(-k // rows) * along_n)
    choose = by_exact_greed if groups * along_n * k**3 / 6 <= EXACT_WORK else by_columns
    return ~choose(problem, count, rows, cols)


def by_exact_greed(problem: Problem, count: int, rows: int, cols: int) -> Tensor:
    """Each time the block of the whole layer that costs least per weight, all others moved to make up for it.

    Returns:
        What goes, in the shape of :func:`kept_blocks`.
    """
    groups, n, k = problem.rows.shape
    along_n = -(-n // cols)
    # a column that is not there costs nothing; a cut block's cost is per column that is
    padded = torch.nn.functional.pad(problem.rows, (0, 0, 0, -n % cols))
    sets = padded.reshape(groups, along_n, cols, k).transpose(2, 3)
    columns = torch.tensor([min(cols, n - first) for first in range(0, n, cols)], dtype=sets.dtype)
    orders, costs = [], []
    for weights, hessian in zip(sets, problem.hessian, strict=True):
        found = traces(weights, hessian, rows)
        orders.append(found.order)
        costs.append(found.costs / columns[:, None])
    gone = chosen_by_cost(Traces(torch.cat(orders), torch.cat(costs)), count, -(-k // rows))
    return gone.reshape(groups, along_n, -1).transpose(1, 2)


def by_columns(problem: Problem, count: int, rows: int, cols: int) -> Tensor:
    """Of every stretch of about ``BLOCK_COLUMNS`` inputs the same share, those that cost least by themselves.

    Returns:
        What goes, in the shape of :func:`kept_blocks`.
    """
    groups, n, k = problem.rows.shape
    along_k, along_n = -(-k // rows), -(-n // cols)
    gone = torch.zeros(groups, along_k, along_n, dtype=torch.bool)
    stretch = rows * -(-BLOCK_COLUMNS // rows)
    for group, (weights, hessian) in enumerate(zip(problem.rows, problem.hessian, strict=True)):

        def choose(columns: slice, costs: Tensor, group: int = group) -> Tensor:
            first, stop = columns.start // rows, -(-columns.stop // rows)
            # whole counts of all stretches that add up to ``count``
            done, due = ((group * along_k + block) * count // (groups * along_k) for block in (first, stop))
            means = block_means(costs.T[None], rows, cols)
            taken = torch.zeros(means.numel(), dtype=torch.bool)
            taken[torch.sort(means.reshape(-1), stable=True).indices[: due - done]] = True
            gone[group, first:stop] = taken.reshape(means.shape[1:])
            return ~expand_blocks(gone[group : group + 1, first:stop], rows, cols, len(costs.T), n)[0].T

        sweep(weights, hessian, [slice(start, min(start + stretch, k)) for start in range(0, k, stretch)], choose)
    return gone
