"""The weights that stay, moved so that the layer's output changes least."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.criterion import PrunableLayer
from compress.pruning.gemm_order import from_gemm_rows, gemm_rows
from compress.pruning.second_order.hessian import EXACT_WORK, inverse_of, problem_of
from compress.pruning.second_order.sweep import BLOCK_COLUMNS, sweep

__all__ = ["least_squares", "reconstructed"]


def reconstructed(layer: PrunableLayer, mask: Tensor) -> Tensor:
    """The layer's weights of least output error among those that are zero where ``mask`` is False.

    Exact (what OBS's updates add up to, whatever their order) up to :data:`EXACT_WORK`; larger layers get SparseGPT's
    sweep, in which a removed weight moves only the later ones of its row.
    """
    rows, hessian = problem_of(layer)
    kept = gemm_rows(mask.to("cpu"), layer.groups)
    solve = least_squares if _work(kept) <= EXACT_WORK else _swept
    new = torch.stack([solve(w, stays, h) for w, stays, h in zip(rows, kept, hessian, strict=True)])
    return (from_gemm_rows(new, layer.weight.shape).to(layer.weight) * mask).contiguous()


def _work(kept: Tensor) -> float:
    """Multiply-adds of one factorisation per row, of whichever of the two sides is smaller."""
    stays = kept.sum(dim=2).double()
    return float((torch.minimum(stays, kept.shape[2] - stays) ** 3 / 3).sum())


def _swept(rows: Tensor, kept: Tensor, hessian: Tensor) -> Tensor:
    starts = range(0, rows.shape[1], BLOCK_COLUMNS)
    blocks = [slice(start, min(start + BLOCK_COLUMNS, rows.shape[1])) for start in starts]
    return sweep(rows, hessian, blocks, lambda columns, _costs: kept[:, columns])


def least_squares(rows: Tensor, kept: Tensor, hessian: Tensor) -> Tensor:
    """For each row w, the v that minimises ``(v - w)ᵀ hessian (v - w)`` and is zero where not ``kept``.

    Rows with equal masks share a factorisation.

    Args:
        rows: ``(n, k)`` float64.
        kept: ``(n, k)`` bool.
        hessian: ``(k, k)`` float64, positive definite.

    >>> least_squares(torch.tensor([[1.0, 1.0]]), torch.tensor([[True, False]]), torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([[1.5000, 0.0000]])
    """
    masks, owner = torch.unique(kept, dim=0, return_inverse=True)
    result = torch.zeros_like(rows)
    # removing few, the small system is that of the removed in the inverse; it is made only if some row wants it
    few = 2 * masks.sum(dim=1) > masks.shape[1]
    inverse = inverse_of(hessian) if bool(few.any()) else hessian
    for number, stays in enumerate(masks):
        chosen = owner == number
        if few[number]:
            gone = ~stays
            system = torch.linalg.cholesky(inverse[gone][:, gone])
            multipliers = torch.cholesky_solve(rows[chosen][:, gone].T, system)
            result[chosen] = (rows[chosen] - (inverse[:, gone] @ multipliers).T) * stays
        elif stays.any():
            system = torch.linalg.cholesky(hessian[stays][:, stays])
            targets = hessian[stays] @ rows[chosen].T
            result[chosen.nonzero(), stays.nonzero()[:, 0]] = torch.cholesky_solve(targets, system).T
    return result
