"""What a simulation knows of a network when its time line is done: for those who ask for more than the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.layer_run import LayerRun
from accel_sim.machine import Machine
from accel_sim.operands import LayerOperands
from accel_sim.schedule import Stage
from accel_sim.timeline.timeline import Timeline
from accel_sim.workload import GemmLayer

__all__ = ["NetworkRun"]


@dataclass(frozen=True, eq=False)
class NetworkRun:
    """A network on a machine.

    Attributes:
        stages, runs: in their order; a run is ``None`` where a vector layer runs alone.
        timeline: of all tiles.
        spans: per stage ``(tiles, 4, 3)`` where its transfers lie (:mod:`accel_sim.memory.placement`); ``None`` without
            the cycle-level DRAM.
        operands: of a layer, as the simulation took them.
    """

    machine: Machine
    stages: tuple[Stage, ...]
    runs: tuple[LayerRun | None, ...]
    timeline: Timeline
    spans: list[NDArray[np.int64]] | None
    operands: Callable[[GemmLayer], LayerOperands]
