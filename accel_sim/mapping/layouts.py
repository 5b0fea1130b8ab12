"""Layers as they are laid out under the tilings that the mapper tries, remembered for machines that lay them out alike.

Machines that differ in DRAM, clock, capacities or energies alone cut a layer in the same way.
"""

from __future__ import annotations

from functools import lru_cache

from accel_sim.layer_run import Dependencies, LayerRun, lay_out
from accel_sim.machine import Machine
from accel_sim.mapping.tiling import Tiling
from accel_sim.schedule import ArrayWork

__all__ = ["Layouts", "forget_layouts", "layouts_of"]

_MOST_LAYERS, _MOST_TILES = 192, 512
"""Of what is remembered: layers, and tiles of a layout. Typically some 50 MB in all."""


class Layouts:
    """One layer on machines of one layout hash: tilings and how they are laid out."""

    def __init__(self, work: ArrayWork) -> None:
        self._work = work
        self._known: dict[Tiling, LayerRun] = {}

    def under(self, machine: Machine, tiling: Tiling) -> LayerRun:
        """The layer under a tiling, as :func:`accel_sim.layer_run.lay_out` gives it without dependencies."""
        known = self._known.get(tiling)
        if known is not None:
            return known
        run = lay_out(machine, self._work, tiling, Dependencies())
        if len(run.tiles) <= _MOST_TILES:
            self._known[tiling] = run
        return run


def layouts_of(machine: Machine, work: ArrayWork) -> Layouts:
    """What is remembered of an anonymous layer on machines like this one."""
    return _layouts(machine.layout_hash, work)


@lru_cache(maxsize=_MOST_LAYERS)
def _layouts(layout_hash: str, work: ArrayWork) -> Layouts:  # noqa: ARG001  (part of the key)
    return Layouts(work)


def forget_layouts() -> None:
    """Start afresh, as in a new process."""
    _layouts.cache_clear()
