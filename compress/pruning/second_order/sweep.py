"""SparseGPT's sweep over columns: all rows share one factorisation, each column is settled once, from left to right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from compress.pruning.second_order.hessian import inverse_of

__all__ = ["BLOCK_COLUMNS", "Choice", "sweep"]

BLOCK_COLUMNS = 128
"""Columns that are chosen from together, about; what comes after them is corrected once for all of them."""

Choice = Callable[[slice, Tensor], Tensor]
"""The columns and the cost ``(n, columns)`` of removing each weight of them -> those that stay, bool."""


def sweep(rows: Tensor, hessian: Tensor, blocks: Sequence[slice], choose: Choice) -> Tensor:
    """Prune block by block, and move the later weights of each row to make up for it.

    Args:
        rows: ``(n, k)`` float64.
        hessian: ``(k, k)`` float64, positive definite.
        blocks: of columns, which they cover in order.
        choose: asked once per block, with the weights as the blocks before have left them.

    Returns:
        ``(n, k)``, zero where ``choose`` says.
    """
    rows = rows.clone()
    # row c of the factor: column c of the inverse Hessian of what is not settled yet, over the root of its diagonal
    factor = torch.linalg.cholesky(inverse_of(hessian), upper=True)
    scale = factor.diagonal()
    for columns in blocks:
        now = rows[:, columns]
        stays = choose(columns, (now / scale[columns]) ** 2)
        inside = factor[columns, columns]
        moved = torch.zeros_like(now)
        for column in range(now.shape[1]):
            error = now[:, column] * ~stays[:, column] / inside[column, column]
            now[:, column:] -= torch.outer(error, inside[column, column:])
            moved[:, column] = error
        now *= stays
        rows[:, columns.stop :] -= moved @ factor[columns, columns.stop :]
    return rows
