"""Exact greedy selection (Optimal Brain Compression): traces of every set, merged over the whole layer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.pruning.second_order.hessian import inverse_of
from compress.pruning.second_order.trace_kernel import greedy_traces

__all__ = ["Traces", "chosen_by_cost", "traces"]


class Traces(NamedTuple):
    """``order (sets, steps)`` of blocks in the order of removal, ``costs (sets, steps)`` of each."""

    order: Tensor
    costs: Tensor


def traces(weights: Tensor, hessian: Tensor, block: int = 1, quotas: Sequence[tuple[Tensor, int]] = ()) -> Traces:
    """How each set of outputs would lose its inputs, the cheapest first; sets run side by side.

    Args:
        weights: ``(sets, k, outputs)`` float64; the outputs of a set share a mask.
        hessian: ``(k, k)`` float64.
        block: inputs that go together.
        quotas: inputs ``(count,)`` and how many of them may go; without any, all may.
    """
    k = len(hessian)
    quota_of, quota = np.zeros(k, np.int64), np.array([k])
    if quotas:
        quota = np.array([allowed for _, allowed in quotas])
        for number, (inputs, _) in enumerate(quotas):
            quota_of[inputs.numpy()] = number
    inverse = inverse_of(hessian).numpy()

    def run(sets: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        order, costs = greedy_traces(np.ascontiguousarray(sets), inverse, block, quota_of, quota)
        return order, costs

    workers = min(len(weights), os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(run, np.array_split(weights.numpy(), workers)))
    order, costs = (np.concatenate(parts) for parts in zip(*results, strict=True))
    return Traces(torch.from_numpy(order), torch.from_numpy(costs))


def chosen_by_cost(found: Traces, count: int, blocks: int) -> Tensor:
    """Which ``count`` blocks go when the cheapest next step over all sets is taken again and again.

    A step hides behind the dearer ones before it in its set, so the largest cost so far decides; of equal ones the set
    with the lower index goes first.

    Args:
        blocks: how many blocks a set has.

    Returns:
        ``(sets, blocks)`` bool, True where removed.

    >>> found = Traces(torch.tensor([[1, 0], [0, 1]]), torch.tensor([[5.0, 1.0], [2.0, 9.0]]))
    >>> chosen_by_cost(found, 3, 2)
    tensor([[ True,  True],
            [ True, False]])
    """
    reached = found.costs.cummax(dim=1).values.reshape(-1)
    taken = torch.zeros_like(reached, dtype=torch.bool)
    taken[torch.sort(reached, stable=True).indices[:count]] = True
    gone = torch.zeros(len(found.order), blocks, dtype=torch.bool)
    return gone.scatter(1, found.order, taken.reshape(found.order.shape))
