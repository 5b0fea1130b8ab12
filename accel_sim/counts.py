"""The actions of one layer: what the simulation counts and the energy model prices.

Energy is counts times energy per action, nothing else; so each kind of action that costs differently is a
count of its own here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

__all__ = ["ArrayCounts", "DramCounts", "LayerActions", "MacCounts", "SramCounts", "SramTraffic", "field_names"]

_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class MacCounts:
    """Multiplications; ``effectual + gated + skipped = total = groups·M·N·K``."""

    total: int = 0
    effectual: int = 0
    gated: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class SramTraffic:
    """Bytes of operands that cross one SRAM's ports (bits / 8, so a fraction is possible), and the word accesses
    that carried them (what costs energy).
    """

    read_bytes: float = 0
    write_bytes: float = 0
    word_reads: int = 0
    word_writes: int = 0


@dataclass(frozen=True)
class SramCounts:
    """Traffic of the three SRAMs. Partial sums read back and written again are in ``outputs``."""

    activations: SramTraffic = SramTraffic()
    weights: SramTraffic = SramTraffic()
    outputs: SramTraffic = SramTraffic()


@dataclass(frozen=True)
class DramCounts:
    """Bytes over the DRAM pins and the commands behind them."""

    read_bytes: int = 0
    write_bytes: int = 0
    activates: int = 0
    row_hits: int = 0
    row_misses: int = 0
    refreshes: int = 0


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
    """All actions of one layer and the time it took (``cycles`` of the array clock, for leakage).

    ``burst_bytes``: of the DRAM, which moves whole bursts; 0 where it moves bytes (an ideal part).
    """

    a_bits: int
    w_bits: int
    array: ArrayCounts
    sram: SramCounts
    dram: DramCounts
    vector_operations: int
    cycles: int
    burst_bytes: int = 0

    @property
    def dram_moved_bytes(self) -> int:
        """Bytes over the DRAM's pins: of all bursts, also where a transfer only touches them."""
        if self.burst_bytes:
            return (self.dram.row_hits + self.dram.row_misses) * self.burst_bytes
        return self.dram.read_bytes + self.dram.write_bytes

    def to_dict(self) -> dict[str, Any]:
        """The entry ``counts`` of a layer in the JSON contract: what stands nowhere else in the layer's entry."""
        array = {name: value for name, value in vars(self.array).items() if name != "macs"}
        words = {
            name: {"word_reads": traffic.word_reads, "word_writes": traffic.word_writes}
            for name, traffic in vars(self.sram).items()
        }
        return {
            **array,
            "vector_operations": self.vector_operations,
            "dram_burst_bytes": self.burst_bytes,
            "sram": words,
        }

    @staticmethod
    def from_layer(entry: Mapping[str, Any]) -> LayerActions:
        """The actions that a layer's entry of the JSON contract tells.

        Raises:
            KeyError, TypeError: the entry lacks a key, or holds no number there.
        """
        counts = entry["counts"]
        array = {name: _number(counts, name) for name in field_names(ArrayCounts) if name != "macs"}
        sram = {
            name: _read(SramTraffic, entry["sram"][name] | counts["sram"][name]) for name in field_names(SramCounts)
        }
        return LayerActions(
            a_bits=entry["a_bits"],
            w_bits=entry["w_bits"],
            array=ArrayCounts(macs=_read(MacCounts, entry["macs"]), **array),
            sram=SramCounts(**sram),
            dram=_read(DramCounts, entry["dram"]),
            vector_operations=_number(counts, "vector_operations"),
            cycles=entry["cycles"]["total"],
            burst_bytes=_number(counts, "dram_burst_bytes"),
        )


@cache
def field_names(kind: Any) -> tuple[str, ...]:
    """Names of a dataclass's fields, in order."""
    return tuple(field.name for field in fields(kind))


def _read(kind: type[_Kind], tree: Mapping[str, Any]) -> _Kind:
    """All fields of ``kind``; what else ``tree`` holds is passed over."""
    return kind(**{name: _number(tree, name) for name in field_names(kind)})  # type: ignore[arg-type]


def _number(tree: Mapping[str, Any], name: str) -> Any:
    value = tree[name]
    if type(value) in (int, float):  # of a hundred thousand layers in a report, all but always
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} holds {value!r}; allowed: a number")
    return value
