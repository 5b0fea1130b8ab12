"""Bits that a tensor takes in each storage format, metadata included.

A tensor is a matrix of vectors, one per row: the channels of a pixel, the k of an output channel. Per vector of length
L with z non-zero elements of b bits:

========= ==========================================================================================================
dense     ``L·b``
bitmask   ``L + z·b``: a bit per element says whether it is there
csc       ``ceil(log2(L+1)) + z·(ceil(log2(L)) + b)``: their number, then each with its index
rle       tokens of ``RUN_BITS + b``: zeros before a value, the value; a longer run takes tokens of value 0 of its own
n_m       per group of ``of`` elements ``keep`` slots of ``b + ceil(log2(of))``
columns   per group of ``COLUMN_GROUP`` elements ``ceil(log2(b)) + ceil(log2(b+1))``: how many bit columns below the top
          repeat it, how many at the bottom are constant; a bit for each of the latter; the columns between in full
========= ==========================================================================================================

``csc`` is compressed sparse columns with a column's count in place of its pointer, so that a tile can be read by
itself; ``rle`` is Eyeriss's coding (Chen et al., ISSCC 2016) with runs of up to 31. ``columns`` (``bit_columns`` in
hwconfigs) follows BBS (Chen et al., MICRO 2024), without loss for any values; BBS: groups of 32, headers of 8 bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import NmSparsity

__all__ = ["COLUMN_GROUP", "RUN_BITS", "count_bits", "encoded_bits", "index_bits", "rle_tokens"]

RUN_BITS = 5
"""Width of a run of zeros in ``rle``."""
LONGEST_RUN = (1 << RUN_BITS) - 1
COLUMN_GROUP = 16
"""Elements whose bit columns are stored together in ``bit_columns``."""


def index_bits(length: int) -> int:
    """Width of an index into ``length`` elements."""
    return math.ceil(math.log2(length)) if length > 1 else 0


def count_bits(length: int) -> int:
    """Width of a number from 0 to ``length``."""
    return math.ceil(math.log2(length + 1))


def encoded_bits(name: str, values: NDArray[Any], bits: int, n_m: NmSparsity | None = None) -> int:
    """Bits of ``values (vectors, length)`` in a format.

    Args:
        bits: of an element.
        n_m: the pattern, for ``n_m``.
    """
    vectors, length = values.shape
    if name == "dense":
        return int(vectors * length * bits)
    if name == "n_m":
        assert n_m is not None  # the hwconfig's rules see to it
        return int(vectors * -(-length // n_m.of) * n_m.keep * (bits + index_bits(n_m.of)))
    if name == "bit_columns":
        return _column_bits(values, bits)
    present = values != 0
    there = int(np.count_nonzero(present))
    if name == "bitmask":
        return int(vectors * length + there * bits)
    if name == "csc":
        return int(vectors * count_bits(length) + there * (index_bits(length) + bits))
    return rle_tokens(present) * (RUN_BITS + bits)


def _column_bits(values: NDArray[Any], bits: int) -> int:
    """Headers, constants and full columns of all groups."""
    starts = np.arange(0, values.shape[1], COLUMN_GROUP)
    sizes = np.diff(np.append(starts, values.shape[1]))

    def in_group(condition: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.logical_and.reduceat(condition, starts, axis=1)

    columns = [values.astype(np.int64) >> place & 1 for place in range(bits)]
    alike = [in_group(column == columns[-1]) for column in columns]
    constant = [in_group(column == 0) | in_group(column == 1) for column in columns]
    repeats = _leading(alike[-2::-1], sizes, len(values))
    low = np.minimum(_leading(constant, sizes, len(values)), bits - repeats)
    headers = len(values) * len(sizes) * (index_bits(bits) + count_bits(bits))
    return int(headers + low.sum() + ((bits - repeats - low) * sizes).sum())


def _leading(conditions: list[NDArray[np.bool_]], sizes: NDArray[np.int64], vectors: int) -> NDArray[np.int64]:
    """How many conditions hold in each group ``(vectors, groups)`` before the first that does not."""
    count = np.zeros((vectors, len(sizes)), np.int64)
    holds = np.ones((vectors, len(sizes)), bool)
    for condition in conditions:
        holds = holds & condition
        count += holds
    return count


def rle_tokens(present: NDArray[np.bool_]) -> int:
    """Tokens of all vectors, ``present (vectors, length)``; zeros at a vector's end take tokens of value 0."""
    vectors, length = present.shape
    vector, place = np.nonzero(present)
    first = np.diff(vector, prepend=-1) != 0
    before = np.where(first, -1, np.concatenate([[-1], place[:-1]])[: len(place)])
    # a token of value 0 stands for a run and the zero that is its value
    tokens = int((1 + (place - before - 1) // (LONGEST_RUN + 1)).sum())
    last = np.full(vectors, -1)
    last[vector] = place  # the greatest comes last
    tail = length - 1 - last
    return tokens + int((-(-tail // (LONGEST_RUN + 1))).sum())
