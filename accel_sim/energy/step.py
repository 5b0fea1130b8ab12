"""What one PE does in a cycle and at the end of a step, as a cost."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.energy.gates import Cost, Values

__all__ = ["PeStep", "serial_step"]


@dataclass(frozen=True)
class PeStep:
    """A PE's arithmetic, all lanes together.

    Attributes:
        cycle: what works in a cycle of a beat in which all lanes are busy.
        idle_pj: pJ per cycle in which all lanes are gated or have nothing left to do.
        final: what works once per step, into the partial sum.

    """

    cycle: Cost
    idle_pj: float
    final: Cost

    @property
    def um2(self) -> float:
        """Area, µm²."""
        return self.cycle.um2 + self.final.um2


def serial_step(values: Values, logic: Cost, accumulator: Cost, final: Cost) -> PeStep:
    """A step of a serial PE: gating stills ``logic`` but for its idle share; the ``accumulator`` is clocked on."""
    idle_pj = logic.pj * values["multiply_idle_ratio"] + accumulator.pj
    return PeStep(logic + accumulator, idle_pj, final)
