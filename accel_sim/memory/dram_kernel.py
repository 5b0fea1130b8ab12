"""Kernel: service of one transfer by the DRAM, in order of request.

Every DRAM model is a branch of :func:`serve` with a flat parameter vector and a flat state that it alone reads; the
time line knows no more of the DRAM than this call. Time is in cycles of the array clock.
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["BANDWIDTH", "serve"]

BANDWIDTH = 0


@kernel
def serve(params, state, request, size_bytes, is_write):
    """Serve a transfer of ``size_bytes`` requested in cycle ``request``; returns the cycle in which it is done.

    ``params``: model code, bytes per cycle, latency in cycles. ``state``: first cycle in which the data bus is
    free, cycles that it was busy. A read is done when its last byte has arrived, a write when its last byte has
    left.
    """
    start = max(state[0], request)
    busy = int(np.ceil(size_bytes / params[1]))
    state[0] = start + busy
    state[1] += busy
    if is_write:
        return start + busy
    return start + busy + int(params[2])
