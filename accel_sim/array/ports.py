"""Edges and SRAM ports: by how much a beat, a load row or a drain row is stretched.

An SRAM gives ``banks·word_bits`` bits per cycle and port. Where an edge needs more per beat, the beat lasts
``max(b, ceil(need/width))``, the worst SRAM counting; a row of the load or drain takes ``max(1, ceil(need/width))``.

What the page leaves open and how it is decided here:

* An edge's need is that of the whole array (``rows·lanes·a_bits`` ...), also in partly filled folds: the port's
  schedule is fixed by the array, not by the fold. So is that of lanes which choose: ``of/keep`` activations each under
  N:M, ``pack_limit`` where columns are combined.
* ``1rw`` shares one port between reads and writes, ``1r1w`` has one of each, ``2rw`` shares two. Reads and writes
  of partial sums meet at the output SRAM alone; filling a half from DRAM uses the other half's banks.
* The first K fold writes partial sums, the later ones read and write them: two beat lengths.
* Several arrays: an operand that they share is read once per beat, others add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from accel_sim.array.beats import step_lanes
from accel_sim.hardware.schema import BufferConfig, Hardware, NmSparsity

__all__ = ["Pace", "Sharing", "pace"]


@dataclass(frozen=True)
class Sharing:
    """How many arrays work at once and which operand they share.

    Attributes:
        arrays: arrays that run folds at the same time.
        activations, weights: copies of that operand's edge traffic in one beat: 1 if all arrays take the same values.

    """

    arrays: int = 1
    activations: int = 1
    weights: int = 1


@dataclass(frozen=True)
class Pace:
    """Cycles of one step and of one load or drain row, once by the arithmetic alone and once with ports.

    ``first`` is a fold that only writes partial sums, ``later`` one that also reads them back.
    """

    beat_first: int
    beat_later: int
    load_row: int
    drain_row_first: int
    drain_row_later: int


def pace(
    hardware: Hardware,
    a_bits: int,
    w_bits: int,
    beat_cycles: int,
    sharing: Sharing,
    *,
    ideal: bool,
    activations: bool = True,
    packed: tuple[float, float] = (1.0, 1.0),
) -> Pace:
    """The cycles of a step under ``hardware``'s ports, or with unlimited ports if ``ideal``.

    Args:
        beat_cycles: what the arithmetic needs (see :mod:`accel_sim.array.beats`).
        activations: whether the activation SRAM limits by the even share of its banks; if not, its waves are looked at
            one by one (:mod:`accel_sim.array.banks`).
        packed: bits read of activations and weights, as the SRAMs hold them, over the dense ones.

    """
    if ideal or hardware.buffers.unlimited_ports:
        return Pace(beat_cycles, beat_cycles, 1, 1, 1)
    array, buffers = hardware.array, hardware.buffers
    lanes = step_lanes(array, a_bits, w_bits)
    rows_bits, cols_bits = array.rows * lanes, array.cols * lanes
    candidates = 1.0
    if isinstance(array.weight_sparsity, NmSparsity):  # the edge carries what the kept weights may choose from
        candidates = array.weight_sparsity.of / array.weight_sparsity.keep
    elif array.weight_sparsity == "pack_columns":
        candidates = float(array.pack_limit)
    copies = (sharing.activations if activations else 0) * packed[0]
    w_copies = sharing.weights * packed[1]
    a_edge_bits = ceil(copies * rows_bits * a_bits * candidates)
    outputs_bits = sharing.arrays * array.cols * array.acc_bits
    write = _cycles(buffers.outputs, 0, outputs_bits)
    update = _cycles(buffers.outputs, outputs_bits, outputs_bits)
    if array.dataflow == "ws":
        edge = _cycles(buffers.activations, a_edge_bits, 0)
        load = _cycles(buffers.weights, ceil(w_copies * cols_bits * w_bits), 0)
    elif array.dataflow == "is":
        edge = _cycles(buffers.weights, ceil(w_copies * rows_bits * w_bits), 0)
        load = _cycles(buffers.activations, ceil(copies * cols_bits * a_bits), 0)
    else:
        edge = max(
            _cycles(buffers.activations, a_edge_bits, 0),
            _cycles(buffers.weights, ceil(w_copies * cols_bits * w_bits), 0),
        )
        beat = max(beat_cycles, edge)
        return Pace(beat, beat, 1, max(1, write), max(1, update))
    return Pace(max(beat_cycles, edge, write), max(beat_cycles, edge, update), max(1, load), 1, 1)


def _cycles(buffer: BufferConfig, read_bits: int, write_bits: int) -> int:
    """Cycles in which the SRAM gives ``read_bits`` and takes ``write_bits``."""
    width = buffer.banks * buffer.word_bits
    if buffer.ports == "1r1w":
        return max(-(-read_bits // width), -(-write_bits // width))
    ports = 2 if buffer.ports == "2rw" else 1
    return -(-(read_bits + write_bits) // (ports * width))
