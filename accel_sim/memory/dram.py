"""The DRAM as the time line sees it: a parameter vector for :func:`accel_sim.memory.dram_kernel.serve`, and its counts.

The model here is bandwidth and latency: transfers are served one after another at the peak rate less the share that
refresh takes, and a read arrives one row-miss latency later. Row activations, hits and refreshes are those of
streaming transfers, each of which opens the rows that it covers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import Hardware
from accel_sim.memory.dram_kernel import BANDWIDTH
from accel_sim.memory.parts import DramPart, load_part
from accel_sim.result import DramCounts

__all__ = ["Dram", "dram_model"]


@dataclass(frozen=True)
class Dram:
    """A DRAM in units of the array clock.

    Attributes:
        bytes_per_cycle: sustained rate of all channels, bytes per array cycle; infinite for the ideal part.
        latency_cycles: array cycles from the last byte's slot on the bus to its arrival.
        refresh_interval_cycles: array cycles between refreshes of one channel; infinite where the part has none.

    """

    part: DramPart
    channels: int
    bytes_per_cycle: float
    latency_cycles: int
    refresh_interval_cycles: float

    def params(self) -> NDArray[np.float64]:
        """The parameter vector of the kernel."""
        return np.array([BANDWIDTH, self.bytes_per_cycle, self.latency_cycles], np.float64)

    def counts(self, read_bytes: int, write_bytes: int, transfers: int, cycles: int) -> DramCounts:
        """Commands behind the traffic of one layer that took ``cycles``."""
        bursts = -(-(read_bytes + write_bytes) // self.part.burst_bytes)
        rows = max(min(transfers, bursts), -(-(read_bytes + write_bytes) // self.part.row_bytes)) if bursts else 0
        refreshes = int(cycles / self.refresh_interval_cycles) * self.channels
        return DramCounts(
            read_bytes=read_bytes,
            write_bytes=write_bytes,
            activates=rows,
            row_hits=bursts - rows,
            row_misses=rows,
            refreshes=refreshes,
        )


def dram_model(hardware: Hardware) -> Dram:
    """The DRAM of ``hardware``.

    Raises:
        HardwareError: the part is unknown or its file is wrong.

    """
    part = load_part(hardware.dram.part)
    cycle_ns = 1e3 / hardware.technology.clock_mhz
    rate = part.peak_gb_per_s * part.refresh_efficiency * hardware.dram.channels * cycle_ns
    return Dram(
        part=part,
        channels=hardware.dram.channels,
        bytes_per_cycle=rate,
        latency_cycles=round(part.latency_ns / cycle_ns),
        refresh_interval_cycles=part.refresh_interval_ns / cycle_ns,
    )
