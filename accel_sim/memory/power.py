"""DRAM energy from supply currents, the IDD method (Micron TN-41-01, as DRAMsim3 applies it).

A current above standby, times voltage, times the clocks that it flows, times the devices of a rank, is a command's
energy; standby flows all the time, more of it while a bank is open. V·mA·ns are pJ. Interface (I/O and termination)
energy is not in it. A part whose currents are not known has its literature's energy per transferred bit instead, all of
it with the reads and writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.memory.cycle_level import DramRun
from accel_sim.memory.parts import DramPart

__all__ = ["DramRunEnergy", "run_energy"]


@dataclass(frozen=True)
class DramRunEnergy:
    """Energy of a run, pJ, by what it went into; ``method``: ``idd`` or ``per_bit``."""

    activate_pj: float
    read_pj: float
    write_pj: float
    refresh_pj: float
    background_pj: float
    method: str

    @property
    def total_pj(self) -> float:
        """All of it."""
        return self.activate_pj + self.read_pj + self.write_pj + self.refresh_pj + self.background_pj


def run_energy(part: DramPart, run: DramRun) -> DramRunEnergy:
    """Energy of a run on a part."""
    power, t = part.power, part.timing
    if power is None or t is None:
        burst_pj = part.energy_pj_per_bit.value * part.burst_bytes * 8
        return DramRunEnergy(0.0, run.reads * burst_pj, run.writes * burst_pj, 0.0, 0.0, "per_bit")
    unit = power.vdd_v * (part.bus_bits // part.pseudo_channels / power.device_bits) * t.tck_ns
    burst_ck = part.burst_ns / t.tck_ns
    standby_of_a_cycle = power.idd3n_ma * t.tras_ck + power.idd2n_ma * t.trp_ck
    return DramRunEnergy(
        activate_pj=run.activates * unit * (power.idd0_ma * (t.tras_ck + t.trp_ck) - standby_of_a_cycle),
        read_pj=run.reads * unit * (power.idd4r_ma - power.idd3n_ma) * burst_ck,
        write_pj=run.writes * unit * (power.idd4w_ma - power.idd3n_ma) * burst_ck,
        refresh_pj=run.refreshes * unit * (power.idd5ab_ma - power.idd3n_ma) * t.trfc_ck,
        background_pj=unit * (power.idd3n_ma * run.standby.active + power.idd2n_ma * run.standby.idle),
        method="idd",
    )
