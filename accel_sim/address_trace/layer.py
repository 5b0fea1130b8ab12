"""The SRAM accesses of one array layer, its tiles where the time line puts them.

Each array runs its folds as if nothing ever waited, which is what the time line's tile lengths come from (each tile is
checked); the tiles are then moved to end when the time line says. Of a tile that waited for its operands, each array's
part runs from idle (``full``: is loaded as late as it can be), so that it ends where it would in the wake of the tile
before. An array that is ahead of the slowest one so keeps its lead, no access meets another at its port, and no tile
ends at another time than in the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.address_trace.beats import FoldBeats
from accel_sim.address_trace.clock import Clock, Event, Load, Steps, new_clock
from accel_sim.address_trace.elements import layer_elements
from accel_sim.address_trace.folds import FoldLayout, GroupFold, group_matrices, takes_values
from accel_sim.address_trace.sram import Accesses, FoldAccesses
from accel_sim.array.actions import sharing
from accel_sim.array.banks import bank_walk
from accel_sim.array.beats import arrays_in_step
from accel_sim.errors import RunError
from accel_sim.layer_run import port_paces
from accel_sim.machine import Machine
from accel_sim.mapping.tiling import TileRange, Tiling, tile_ranges
from accel_sim.operands import LayerOperands
from accel_sim.reference.deal import Dealing
from accel_sim.reference.spec import ArraySpec
from accel_sim.schedule import ArrayWork
from accel_sim.timeline import kernel as timeline

__all__ = ["TileTimes", "layer_accesses"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TileTimes:
    """Of one layer's tiles.

    Attributes:
        records: ``(tiles, COLUMNS)``, see :mod:`accel_sim.timeline.kernel`.
        ends: ``(tiles,)`` when the array has done each.
        begin: end of the tile before the first.
    """

    records: Ints
    ends: Ints
    begin: int


def layer_accesses(
    machine: Machine, work: ArrayWork, tiling: Tiling, times: TileTimes, operands: Callable[[], LayerOperands]
) -> Iterator[Accesses]:
    """All accesses of a layer at its arrays' edges, fold by fold; cycles are the network's.

    Raises:
        RunError: a tile takes other times than in the simulation.
    """
    hardware, layer = machine.hardware, work.layer
    array = hardware.array
    spec = ArraySpec.from_array(
        array, a_bits=layer.a_bits, w_bits=layer.w_bits, a_signed=layer.a_signed, w_signed=layer.w_signed
    )
    walk = bank_walk(hardware, layer, sharing(hardware, tiling))
    paced, _ = port_paces(machine, work, tiling, beat_cycles=1, activations=walk is None)
    matrices = group_matrices(layer, spec, operands if takes_values(array) else None, keep=tiling.tile_g)
    shared = {"n": "activations", "m": "weights"}[tiling.array_dim] if arrays_in_step(array, tiling.array_dim) else ""
    layout = FoldLayout(layer, Dealing(spec, array.arrays, tiling.array_dim), matrices, shared)
    found = FoldAccesses(spec, layer_elements(layer, hardware.mapping.layout))
    beats = FoldBeats(spec, paced, walk)

    def run(clocks: list[Clock], one: GroupFold) -> Iterator[Event]:
        return clocks[one.array].run(one.fold, one.group, matrices(one.group).moving)

    def after(clocks: list[Clock], tile: TileRange) -> list[Clock]:
        moved = [clock.copy() for clock in clocks]
        for one in layout.of_tile(tile):
            for _ in run(moved, one):
                pass
        return moved

    clocks, before, done = _idle(beats, array.arrays), times.begin, 0
    for tile, record, end in zip(tile_ranges(layer, tiling), times.records, times.ends.tolist(), strict=True):
        back_to_back, from_idle = int(record[timeline.BACK_TO_BACK]), int(record[timeline.FROM_IDLE])
        done += back_to_back
        followed = after(clocks, tile)
        _check(layer.name, done, _end(followed))
        moves = [end - done] * array.arrays
        waited = end - before > back_to_back and done > back_to_back
        if waited and spec.fold_overlap != "full":
            alone = after(_idle(beats, array.arrays), tile)
            _check(layer.name, from_idle, max(back_to_back, _end(alone)))
            moves = [end - done + own.end - by_itself.end for own, by_itself in zip(followed, alone, strict=True)]
            clocks = _idle(beats, array.arrays)
        late = set(range(array.arrays)) if waited and spec.fold_overlap == "full" else set()
        for one in layout.of_tile(tile):
            events = run(clocks, one)
            if one.array in late and beats.uses_all_rows(one.fold):
                events = _load_late(events)
            late.discard(one.array)
            for accesses in found.of_fold(one, events):
                yield accesses._replace(cycles=accesses.cycles + moves[one.array])
        clocks, before = followed, end


def _load_late(events: Iterator[Event]) -> Iterator[Event]:
    """A fold's events, its load moved to where it ends when the first row streams.

    The next load waits for the first row, so it does not begin before that: if the first row is used.
    """
    load = next(events)
    if isinstance(load, Load):
        first = next(events)
        assert isinstance(first, Steps)  # a fold has steps
        move = int(first.starts[0].min()) - load.end
        yield Load(load.starts + move, load.end + move)
        yield first
    else:
        yield load
    yield from events


def _idle(beats: FoldBeats, arrays: int) -> list[Clock]:
    return [new_clock(beats) for _ in range(arrays)]


def _end(clocks: list[Clock]) -> int:
    """First cycle after the slowest array's last."""
    return max(clock.end for clock in clocks)


def _check(name: str, simulated: int, traced: int) -> None:
    if simulated != traced:
        raise RunError(f"layer {name}: a tile ends in cycle {simulated} of the arrays, its accesses in {traced}")
