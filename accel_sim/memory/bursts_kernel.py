"""Kernel: how many bursts transfers take, without the controllers that move them.

The walk over a transfer's runs is that of :func:`accel_sim.memory.transfer_kernel.transfer`: a burst that a run only
touches is moved as a whole, and one that two runs in a row share, once.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["count_bursts"]


@kernel
def count_bursts(spans, sizes, burst_bytes):
    """Bursts of each transfer.

    Args:
        spans: ``(transfers, 3)`` first byte, bytes of a run and bytes between runs' beginnings.
        sizes: ``(transfers,)`` bytes in all.
        burst_bytes: of one burst.

    Returns ``(transfers,)``.
    """
    bursts = np.zeros(len(sizes), np.int64)
    for i in range(len(sizes)):
        start, run, stride = spans[i, 0], spans[i, 1], spans[i, 2]
        left, behind = sizes[i], start - start % burst_bytes
        while left > 0:
            stop = start + min(run, left)
            first = max(start - start % burst_bytes, behind)
            if first < stop:
                own = -(-(stop - first) // burst_bytes)
                bursts[i] += own
                behind = first + own * burst_bytes
            left -= stop - start
            start += stride
    return bursts
