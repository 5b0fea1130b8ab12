"""The DRAM as the time line sees it: a parameter vector for :func:`accel_sim.memory.dram_kernel.serve`, and its counts.

Two models. **Cycle-level**: the bursts of a transfer go through the memory controllers
(:mod:`accel_sim.memory.controller_kernel`), which count commands. **Bandwidth**: transfers are served one after another
at the peak rate less the share that refresh takes, and a read arrives one row-miss latency later; row activations, hits
and refreshes are those of streaming transfers, each of which opens the rows that it covers. The mapper, which compares
thousands of tilings, always takes the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import Hardware
from accel_sim.memory import controller_layout as layout
from accel_sim.memory.controller_layout import new_state
from accel_sim.memory.cycle_level import ControllerSettings, controller_parameters
from accel_sim.memory.dram_kernel import BANDWIDTH, CYCLE_LEVEL
from accel_sim.memory.parts import DramPart, load_part
from accel_sim.result import DramCounts

__all__ = ["WINDOW", "Dram", "dram_model"]

WINDOW = 16
"""Requests of a channel among which FR-FCFS chooses."""


@dataclass(frozen=True)
class Dram:
    """A DRAM in units of the array clock.

    Attributes:
        bytes_per_cycle: sustained rate of all channels, bytes per array cycle; infinite for the ideal part.
        latency_cycles: array cycles from the last byte's slot on the bus to its arrival.
        refresh_interval_cycles: array cycles between refreshes of one channel; infinite where the part has none.
        clocks_per_cycle: clocks of the DRAM in an array cycle.
        controllers: parameters of the cycle-level model; ``None``: the bandwidth model.

    """

    part: DramPart
    channels: int
    bytes_per_cycle: float
    latency_cycles: int
    refresh_interval_cycles: float
    clocks_per_cycle: float = 1.0
    controllers: NDArray[np.int64] | None = None

    @property
    def is_cycle_level(self) -> bool:
        """Whether transfers go through the memory controllers."""
        return self.controllers is not None

    @property
    def priced_burst_bytes(self) -> int:
        """Bytes of a burst, by which energy is counted; 0 for the ideal part, which moves bytes."""
        return 0 if self.part.timing is None else self.part.burst_bytes

    def params(self, *, cycle_level: bool = False) -> NDArray[np.float64]:
        """The parameter vector of the kernel, of the bandwidth model unless the other is asked for."""
        model = CYCLE_LEVEL if cycle_level else BANDWIDTH
        return np.array([model, self.bytes_per_cycle, self.latency_cycles, self.clocks_per_cycle], np.float64)

    def controller_arrays(self, *, cycle_level: bool = False) -> tuple[NDArray[np.int64], ...]:
        """Parameters, state and room for its copy; of size 0 for the bandwidth model."""
        if not cycle_level or self.controllers is None:
            return (np.zeros(0, np.int64),) * 3
        state = np.append(new_state(self.controllers), 0)  # and the clock that it has come to
        state[layout.NEXT :: int(self.controllers[layout.STRIDE])] = 0
        return self.controllers.copy(), state, np.empty_like(state)

    def counts(
        self,
        read_bytes: int,
        write_bytes: int,
        transfers: int,
        cycles: int,
        commands: NDArray[np.int64] | None = None,
    ) -> DramCounts:
        """Commands behind the traffic of one layer that took ``cycles``.

        Args:
            commands: those that the cycle-level model gave (:func:`accel_sim.memory.transfer_kernel.add_counts`).
        """
        if commands is not None:
            activates, hits, misses, refreshes = (int(value) for value in commands[:4])
            return DramCounts(read_bytes, write_bytes, activates, hits, misses, refreshes)
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
        clocks_per_cycle=1.0 if part.timing is None else cycle_ns / part.timing.tck_ns,
        controllers=_controllers(hardware, part),
        part=part,
        channels=hardware.dram.channels,
        bytes_per_cycle=rate,
        latency_cycles=round(part.latency_ns / cycle_ns),
        refresh_interval_cycles=part.refresh_interval_ns / cycle_ns,
    )


def _controllers(hardware: Hardware, part: DramPart) -> NDArray[np.int64] | None:
    """Parameters of the cycle-level model, where the machine has it; an ideal part makes nobody wait."""
    dram = hardware.dram
    if dram.model == "bandwidth" or part.timing is None:
        return None
    settings = ControllerSettings(dram.scheduler, dram.address_map, queue=WINDOW)
    return controller_parameters(part, dram.channels, settings)
