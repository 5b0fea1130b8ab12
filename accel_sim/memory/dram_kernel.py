"""Kernel: service of one transfer by the bandwidth model of the DRAM, in order of request.

Time is in cycles of the array clock. (The cycle-level model is :mod:`accel_sim.memory.transfer_kernel`.)
"""

from __future__ import annotations

import numpy as np

from accel_sim.jit import kernel

__all__ = ["BANDWIDTH", "BYTES_PER_CYCLE", "CLOCKS_PER_CYCLE", "CYCLE_LEVEL", "LATENCY", "MODEL", "serve"]

BANDWIDTH, CYCLE_LEVEL = 0, 1
MODEL, BYTES_PER_CYCLE, LATENCY, CLOCKS_PER_CYCLE = range(4)
"""Places of a parameter vector: which model; rate and latency of the bandwidth model, in cycles of the array clock;
clocks of the DRAM in one of the array, of the cycle-level one."""


@kernel
def serve(params, state, request, size_bytes, is_write):
    """Serve a transfer of ``size_bytes`` requested in cycle ``request``; returns the cycle in which it is done.

    ``params``: see :data:`MODEL`. ``state``: first cycle in which the data bus is
    free, cycles that it was busy. A read is done when its last byte has arrived, a write when its last byte has
    left.
    """
    start = max(state[0], request)
    busy = int(np.ceil(size_bytes / params[BYTES_PER_CYCLE]))
    state[0] = start + busy
    state[1] += busy
    if is_write:
        return start + busy
    return start + busy + int(params[LATENCY])
