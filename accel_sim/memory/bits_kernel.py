"""Kernel: the place of the lowest bit that is set, in one instruction."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, overload

__all__ = ["lowest_bit"]


def lowest_bit(mask: int) -> int:
    """In a kernel and in the interpreter: the place of the lowest bit of ``mask``, which is not 0.

    >>> lowest_bit(0b1100)
    2
    """
    return (int(mask) & -int(mask)).bit_length() - 1


@intrinsic
def _trailing_zeros(typing_context: Any, mask: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@overload(lowest_bit)
def _lowest_bit(mask):  # noqa: ARG001
    def implementation(mask):  # Numba compares the arguments' annotations
        return _trailing_zeros(mask)

    return implementation
