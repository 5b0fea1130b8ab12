"""A layer's weights as the rows of its GEMM: ``(groups, n, k)``, k as (kernel row, kernel column, input channel).

The input channel is fastest, as in ``accel_sim``'s ``W[k, n]``; PyTorch and the statistics have it slowest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["from_gemm_rows", "gemm_moments", "gemm_rows"]


def gemm_rows(weight: Tensor, groups: int) -> Tensor:
    """``(groups, n, k)`` from ``(out_channels, in_channels/groups, kernel_h, kernel_w)`` or ``(outputs, inputs)``.

    >>> gemm_rows(torch.arange(8).reshape(1, 2, 2, 2), 1)
    tensor([[[0, 4, 1, 5, 2, 6, 3, 7]]])
    """
    return (
        weight.flatten(2).transpose(1, 2).reshape(groups, len(weight) // groups, -1)
        if weight.ndim > 2
        else weight[None]
    )


def from_gemm_rows(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse of :func:`gemm_rows`; ``shape`` is the weight's."""
    if len(shape) == 2:
        return rows[0]
    out_channels, in_channels, *kernel = shape
    return rows.reshape(out_channels, -1, in_channels).transpose(1, 2).reshape(out_channels, in_channels, *kernel)


def gemm_moments(moments: Tensor, shape: Sequence[int]) -> Tensor:
    """Moments ``(groups, k, k)`` of the statistics' order in that of the GEMM."""
    k = moments.shape[-1]
    order = torch.arange(k, device=moments.device).reshape(shape[1], -1).T.reshape(-1)
    return moments[:, order[:, None], order]
