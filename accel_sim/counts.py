"""The actions of one layer: what the simulation counts and the energy model prices.

Energy is counts times energy per action, nothing else; so each kind of action that costs differently is a
count of its own here.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.result import DramCounts, MacCounts, SramCounts

__all__ = ["ArrayCounts", "LayerActions"]


@dataclass(frozen=True)
class ArrayCounts:
    """Actions inside the PE array.

    Attributes:
        macs: multiplications by kind; ``effectual + gated + skipped = groups·M·N·K``.
        multiplier_cycles: cycles that multipliers (lanes) spent on effectual multiplications: their number times
            the beat (times the passes of ``parallel``).
        busy_cycles: those of them in which a multiplier has a piece of its own operands to work on: a term that it
            retires; a digit within the shortest width that holds its own operand (``precision: dynamic``). In the
            rest of a beat it waits for the slowest operand of its PE and sync group.
        gated_cycles: cycles that multipliers spent on gated multiplications; the multiplier does not switch, its clock
            does.
        additions: additions of ``acc_bits`` into a partial sum or an adder tree of the lanes, one per effectual or
            gated multiplication.
        operand_hop_bits: bits clocked into PE registers by operands that move from PE to PE while streaming.
        psum_hop_bits: bits clocked into PE registers by partial sums, moving (ws, is) or held (os).
        stationary_hop_bits: bits clocked into PE registers by loads of stationary tiles and drains of results,
            shadow copies included.
        fifo_push_bits: bits pushed into inter-row FIFOs deeper than the plain pipeline register.
        metadata_decodes: indices or masks decoded by sparsity logic.
        pe_cycles: PEs times the cycles of the layer's compute, busy or not.

    """

    macs: MacCounts = MacCounts()
    multiplier_cycles: int = 0
    busy_cycles: int = 0
    gated_cycles: int = 0
    additions: int = 0
    operand_hop_bits: int = 0
    psum_hop_bits: int = 0
    stationary_hop_bits: int = 0
    fifo_push_bits: int = 0
    metadata_decodes: int = 0
    pe_cycles: int = 0


@dataclass(frozen=True)
class LayerActions:
    """All actions of one layer and the time it took (``cycles`` of the array clock, for leakage)."""

    a_bits: int
    w_bits: int
    array: ArrayCounts
    sram: SramCounts
    dram: DramCounts
    vector_operations: int
    cycles: int
