"""The SRAM accesses of one array layer, its tiles where the time line puts them.

A tile that follows the one before without a pause continues that one's folds; one that waited for its operands runs
from idle. Both end when the time line says, so accesses lie where they were in the simulation, stalls included. The
lengths that are worked out here must be the simulation's own: each tile is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.address_trace.elements import layer_elements
from accel_sim.address_trace.folds import FoldLayout, GroupFold, GroupMatrices, group_matrices, takes_values
from accel_sim.address_trace.sequence import FoldLength, FoldSequence
from accel_sim.address_trace.sram import Accesses, FoldAccesses
from accel_sim.address_trace.steps import FoldSteps
from accel_sim.array.actions import sharing
from accel_sim.array.banks import bank_walk
from accel_sim.errors import HardwareError, RunError
from accel_sim.hardware.schema import Hardware
from accel_sim.layer_run import port_paces
from accel_sim.machine import Machine
from accel_sim.mapping.tiling import Tiling, tile_ranges
from accel_sim.operands import LayerOperands
from accel_sim.reference.spec import ArraySpec
from accel_sim.schedule import ArrayWork
from accel_sim.timeline import kernel as timeline

__all__ = ["TileTimes", "check_machine", "layer_accesses"]

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


def check_machine(hardware: Hardware) -> None:
    """Refuse what accesses are not worked out for.

    Raises:
        HardwareError: names the field, what it holds and what is allowed.
    """
    array = hardware.array
    if array.fold_overlap == "full":
        raise HardwareError("array.fold_overlap: holds 'full'; allowed with --address-trace: none, preload")
    if array.arrays > 1:
        raise HardwareError(f"array.arrays: holds {array.arrays}; allowed with --address-trace: 1")


def layer_accesses(
    machine: Machine, work: ArrayWork, tiling: Tiling, times: TileTimes, operands: Callable[[], LayerOperands]
) -> Iterator[Accesses]:
    """All accesses of a layer at its array's edges, fold by fold; cycles are the network's.

    Raises:
        RunError: a tile takes other times than in the simulation.
    """
    hardware, layer = machine.hardware, work.layer
    spec = ArraySpec.from_array(
        hardware.array, a_bits=layer.a_bits, w_bits=layer.w_bits, a_signed=layer.a_signed, w_signed=layer.w_signed
    )
    walk = bank_walk(hardware, layer, sharing(hardware, tiling))
    paced, _ = port_paces(machine, work, tiling, beat_cycles=1, activations=walk is None)
    steps = FoldSteps(spec, paced, walk)
    valued = operands if takes_values(hardware.array) else None
    matrices = group_matrices(layer, spec, valued, keep=tiling.tile_g)
    found = FoldAccesses(spec, steps, layer_elements(layer, hardware.mapping.layout))
    layout = FoldLayout(layer, spec, matrices)
    sequence = FoldSequence(overlaps=spec.fold_overlap == "preload", drains=spec.dataflow == "os")
    previous = times.begin
    for tile, record, end in zip(tile_ranges(layer, tiling), times.records, times.ends.tolist(), strict=True):
        lengths = [_length(steps, one, matrices) for one in layout.of_tile(tile)]
        follows = sequence.end == previous and previous + int(record[timeline.BACK_TO_BACK]) == end
        previous = end
        if not lengths:  # nothing is left of it; what comes next finds the array idle, or as it was
            continue
        if not follows:
            sequence = _from_idle(sequence, lengths, record, end)
        sequence, places = sequence.append(lengths)
        if sequence.end != end:
            raise RunError(f"layer {layer.name}: a tile ends in cycle {end}, its accesses in {sequence.end}")
        for (group, fold), place in zip(layout.of_tile(tile), places, strict=True):
            yield from found.of_fold(fold, group, matrices(group).moving, place)


def _length(steps: FoldSteps, one: GroupFold, matrices: Callable[[int], GroupMatrices]) -> FoldLength:
    group, fold = one
    stream = steps.stream_cycles(fold, group, matrices(group).moving)
    drain = steps.height(fold) * steps.drain_row_cycles(fold)
    loads = 0 if steps.spec.dataflow == "os" else steps.height(fold) * steps.load_row_cycles(fold, group)
    return FoldLength(loads, stream, drain)


def _from_idle(sequence: FoldSequence, lengths: list[FoldLength], record: Ints, end: int) -> FoldSequence:
    """An idle array in the cycle in which folds of these lengths must begin to end in cycle ``end``."""
    alone = sequence.from_idle(0).append(lengths)[0].end
    if max(alone, int(record[timeline.BACK_TO_BACK])) != record[timeline.FROM_IDLE]:
        raise RunError(f"a tile takes {record[timeline.FROM_IDLE]} cycles from idle, its accesses {alone}")
    return sequence.from_idle(end - alone)
