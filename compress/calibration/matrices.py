"""The operands of a matrix product, as PyTorch has them, in the layout of its GEMM view."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from torch import Tensor

from compress.graph.operations import Facts

__all__ = ["GemmMatrices", "gemm_matrices"]


class GemmMatrices(NamedTuple):
    """``activations``: ``(groups, m, k)``, or a convolution's feature map ``(batch, channels, in_h, in_w)``;
    ``weights``: ``(groups, k, n)``, k ordered (kernel row, kernel column, channel) for a convolution.
    """

    activations: Tensor
    weights: Tensor


def gemm_matrices(facts: Facts, operands: Sequence[Tensor]) -> GemmMatrices:
    """Rearrange the operands of one product; nothing is copied that a view can show.

    Args:
        facts: what the operation is; it has a GEMM view.
        operands: the tensors of ``facts.operands``.

    >>> import torch
    >>> from compress.graph.geometry import matmul_view
    >>> a, b = torch.zeros(2, 3, 5, 4), torch.zeros(3, 4, 7)
    >>> product = gemm_matrices(Facts("matmul", (), gemm=matmul_view(a.shape, b.shape)), (a, b))
    >>> product.activations.shape, product.weights.shape
    (torch.Size([6, 5, 4]), torch.Size([6, 4, 7]))
    """
    view = facts.gemm
    assert view is not None  # only products have operands to rearrange
    if facts.kind == "conv2d":
        image, weight = operands
        taps = weight.permute(0, 2, 3, 1).reshape(view.groups, view.n, view.k)
        return GemmMatrices(image.reshape(-1, *image.shape[-3:]), taps.transpose(1, 2))
    left, right = operands
    if facts.kind == "linear":
        return GemmMatrices(left.reshape(1, view.m, view.k), right.reshape(1, view.n, view.k).transpose(1, 2))
    if "equation" in facts.attributes:
        left, right = _einsum_matrices(facts.attributes["equation"], left, right)
    else:
        left, right = _broadcast_matrices(left, right)
    if view.activation == 1:  # a constant from the left: the machine computes the transposed product
        left, right = right.transpose(1, 2), left.transpose(1, 2)
    if view.groups == 1 and len(left) > 1:  # all rows meet the same weights
        left, right = left.reshape(1, view.m, view.k), right[:1]
    return GemmMatrices(left, right)


def _broadcast_matrices(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Both operands of ``left @ right`` with one axis of matrices; vectors become a row and a column."""
    left = left[None] if left.ndim == 1 else left
    right = right[:, None] if right.ndim == 1 else right
    outer = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    return (
        left.expand(*outer, *left.shape[-2:]).reshape(-1, *left.shape[-2:]),
        right.expand(*outer, *right.shape[-2:]).reshape(-1, *right.shape[-2:]),
    )


def _einsum_matrices(equation: str, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The operands with their axes in the order (shared and kept, own, summed) and its mirror image."""
    inputs, _, out = equation.replace(" ", "").partition("->")
    first, _, second = inputs.partition(",")
    groups = [i for i in first if i in second and i in out]
    summed = [i for i in first if i in second and i not in out]
    rows = [i for i in first if i not in second]
    columns = [i for i in second if i not in first]
    return (
        _three_axes(left, first, groups, rows, summed),
        _three_axes(right, second, groups, summed, columns),
    )


def _three_axes(tensor: Tensor, indices: str, *parts: Sequence[str]) -> Tensor:
    size = dict(zip(indices, tensor.shape, strict=True))
    order = [indices.index(i) for part in parts for i in part]
    shape = [prod(size[i] for i in part) for part in parts]
    return tensor.permute(order).reshape(shape)
