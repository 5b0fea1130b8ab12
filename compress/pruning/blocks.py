"""A grid of ``rows × cols`` blocks over matrices ``W[k, n]``; it starts at ``W[0, 0]``, far edges cut blocks off."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["block_means", "expand_blocks"]


def block_means(matrix: Tensor, rows: int, cols: int) -> Tensor:
    """Means over blocks, of cut ones over what is left of them.

    Args:
        matrix: ``(groups, k, n)``.

    Returns:
        ``(groups, ceil(k / rows), ceil(n / cols))``.

    >>> block_means(torch.arange(15.0).reshape(1, 3, 5), 2, 4)
    tensor([[[ 4.0000,  6.5000],
             [11.5000, 14.0000]]])
    """
    return _block_sums(matrix, rows, cols) / _block_sums(torch.ones_like(matrix[:1]), rows, cols)


def _block_sums(matrix: Tensor, rows: int, cols: int) -> Tensor:
    _, k, n = matrix.shape
    padded = torch.nn.functional.pad(matrix, (0, -n % cols, 0, -k % rows))
    return padded.reshape(len(matrix), -(-k // rows), rows, -(-n // cols), cols).sum((2, 4))


def expand_blocks(blocks: Tensor, rows: int, cols: int, k: int, n: int) -> Tensor:
    """``(groups, k, n)`` in which every element has its block's value."""
    return blocks.repeat_interleave(rows, 1)[:, :k].repeat_interleave(cols, 2)[:, :, :n]
