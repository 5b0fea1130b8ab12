"""Operations as matrix products: the GEMM views of convolutions, linear layers, products and ``einsum``."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import ConvGeometry
from compress.graph.node import GemmView, Shape

__all__ = ["adaptive_window_elements", "conv2d_view", "einsum_view", "linear_view", "matmul_view", "pair"]


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """A size given once or per axis, as ``(height, width)``.

    >>> pair(3), pair([1, 2])
    ((3, 3), (1, 2))
    """
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def conv2d_view(
    image: Shape,
    weight: Shape,
    output: Shape,
    *,
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> GemmView:
    """The im2col view of a convolution.

    Args:
        image: ``(batch, channels, height, width)``; a missing batch counts as 1.
        weight: ``(out_channels, channels / groups, kernel_h, kernel_w)``.
        output: as ``image``.
        pad: zeros above and on the left.

    >>> conv2d_view((1, 8, 5, 5), (8, 1, 3, 3), (1, 8, 5, 5), stride=(1, 1), pad=(1, 1), dilation=(1, 1), groups=8).macs
    1800
    """
    batch = image[0] if len(image) == 4 else 1
    out_channels, in_channels, kernel_h, kernel_w = weight
    out_h, out_w = output[-2:]
    conv = ConvGeometry(
        batch=batch,
        in_h=image[-2],
        in_w=image[-1],
        in_channels=in_channels,
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        out_h=out_h,
        out_w=out_w,
        stride_h=stride[0],
        stride_w=stride[1],
        pad_top=pad[0],
        pad_left=pad[1],
        dilation_h=dilation[0],
        dilation_w=dilation[1],
    )
    return GemmView(
        groups=groups,
        m=batch * out_h * out_w,
        n=out_channels // groups,
        k=in_channels * kernel_h * kernel_w,
        conv=conv,
    )


def linear_view(rows: Shape, weight: Shape) -> GemmView:
    """``rows (…, k)`` times a weight ``(n, k)``, transposed.

    >>> linear_view((2, 5, 4), (3, 4))
    GemmView(groups=1, m=10, n=3, k=4, conv=None, activation=0, weight=1)
    """
    n = weight[0] if len(weight) > 1 else 1
    return GemmView(groups=1, m=prod(rows[:-1]), n=n, k=rows[-1])


def matmul_view(a: Shape, b: Shape, *, a_constant: bool = False) -> GemmView:
    """``a @ b`` with NumPy's rules for more than two axes; a vector counts as a row or a column.

    A matrix on the right that all matrices on the left share makes one product with more rows. A constant on the
    left is the weight: the transposed product is what the machine computes.

    >>> matmul_view((2, 3, 5, 4), (2, 3, 4, 7)).groups, matmul_view((2, 3, 5, 4), (4, 7)).groups
    (6, 1)
    """
    a = (1, *a) if len(a) == 1 else a
    b = (*b, 1) if len(b) == 1 else b
    shared_right, shared_left = prod(b[:-2]) == 1, prod(a[:-2]) == 1
    groups, m, n, k = prod(_broadcast(a[:-2], b[:-2])), a[-2], b[-1], a[-1]
    if a_constant:
        groups, n = (1, groups * n) if shared_left else (groups, n)
        return GemmView(groups=groups, m=n, n=m, k=k, activation=1, weight=0)
    groups, m = (1, groups * m) if shared_right else (groups, m)
    return GemmView(groups=groups, m=m, n=n, k=k)


def einsum_view(equation: str, a: Shape, b: Shape, *, a_constant: bool = False) -> GemmView:
    """A product of two tensors in Einstein's notation.

    >>> einsum_view("b h i d, b h j d -> b h i j", (2, 3, 5, 4), (2, 3, 7, 4))
    GemmView(groups=6, m=5, n=7, k=4, conv=None, activation=0, weight=1)
    """
    terms = equation.replace(" ", "")
    inputs, arrow, out = terms.partition("->")
    left, comma, right = inputs.partition(",")
    if not arrow or not comma or "," in right or "." in terms or len(left) != len(a) or len(right) != len(b):
        raise WorkloadError(f"einsum {equation!r} is not known; a product of two operands with an explicit result is")
    size = dict(zip(left, a, strict=True)) | dict(zip(right, b, strict=True))
    groups = prod(size[i] for i in size if i in left and i in right and i in out)
    k = prod(size[i] for i in size if i in left and i in right and i not in out)
    m = prod(size[i] for i in left if i not in right)
    n = prod(size[i] for i in right if i not in left)
    if a_constant:
        return GemmView(groups=groups, m=n, n=m, k=k, activation=1, weight=0)
    return GemmView(groups=groups, m=m, n=n, k=k)


def adaptive_window_elements(image: Shape, output: Shape) -> int:
    """Elements that adaptive pooling reads in all windows together; window i is ``⌊i·L/l⌋ … ⌈(i+1)·L/l⌉``.

    >>> adaptive_window_elements((1, 2, 7, 7), (1, 2, 1, 1))
    98
    """

    def along(size: int, outputs: int) -> int:
        return sum(-(-(i + 1) * size // outputs) - i * size // outputs for i in range(outputs))

    return prod(image[:-2]) * along(image[-2], output[-2]) * along(image[-1], output[-1])


def _broadcast(a: Shape, b: Shape) -> Shape:
    length = max(len(a), len(b))
    left, right = (1,) * (length - len(a)) + tuple(a), (1,) * (length - len(b)) + tuple(b)
    return tuple(max(x, y) for x, y in zip(left, right, strict=True))
