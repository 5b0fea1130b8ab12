"""Kernel: arrays without their bookkeeping, for kernels that call each other millions of times.

Numba counts references to an array at every call that it is passed to, which costs more than a short kernel's work. A
pointer has no count, no bounds and no negative indices; whoever makes one keeps the array alive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

__all__ = ["pointer"]


def pointer(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """In a kernel: a pointer to the first number of a contiguous array; in the interpreter the array itself."""
    return array


@intrinsic
def _cast(typing_context: Any, address: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.uintp), generate  # type: ignore[no-untyped-call]


@overload(pointer)
def _pointer(array):  # noqa: ARG001
    def implementation(array):  # Numba compares the arguments' annotations
        return _cast(array.ctypes.data)

    return implementation
