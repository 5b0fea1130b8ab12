"""The files of an address trace (columns: ``docs/traces.md``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from accel_sim.address_trace.dram import TENSORS, network_bursts
from accel_sim.address_trace.layer import TileTimes, layer_accesses
from accel_sim.address_trace.parquet import ROW_GROUP, TableWriter
from accel_sim.errors import InputError
from accel_sim.files import make_directory, write_lines
from accel_sim.network_run import NetworkRun
from accel_sim.timeline import kernel
from accel_sim.workload import Workload

__all__ = ["check_layers", "write_address_trace"]

SRAM, DRAM, DRAM_TEXT = "sram.parquet", "dram.parquet", "dram.trace"
MEMORIES, ACCESSES = ("activations", "weights", "outputs"), ("read", "write")


def check_layers(workload: Workload, names: Collection[str]) -> None:
    """Refuse layers that there are not.

    Raises:
        InputError: names them and those that there are.
    """
    known = [layer.name for layer in workload.layers]
    for name in names:
        if name not in known:
            some = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            raise InputError(f"--address-trace-layer: holds '{name}'; allowed: {some}")


def write_address_trace(
    directory: Path, run: NetworkRun, layers: Collection[str] = (), row_group: int = ROW_GROUP
) -> list[Path]:
    """Write what the arrays of a network's layers read and write, and the bursts of their transfers.

    Without the cycle-level DRAM there are no bursts and no files of them.

    Args:
        layers: those whose accesses are written; all if there are none. A fused layer stands for its stage.
        row_group: rows that are collected before they are written.

    Returns:
        The files.

    Raises:
        InputError: PyArrow is missing, or a file cannot be written.
    """
    make_directory(directory)
    names = [stage.layers[0].name for stage in run.stages]
    chosen = [not layers or any(layer.name in layers for layer in stage.layers) for stage in run.stages]
    _write_sram(directory / SRAM, run, names, chosen, row_group)
    bursts = [directory / DRAM, directory / DRAM_TEXT]
    if run.spans is None:
        for path in bursts:  # of an earlier run: they would not belong to the file beside them
            path.unlink(missing_ok=True)
        return [directory / SRAM]
    columns = {"layer": names, "cycle": "int64", "access": ACCESSES, "tensor": TENSORS, "address": "int64"}
    with TableWriter(bursts[0], columns, row_group) as table:
        write_lines(bursts[1], _dram_lines(run, chosen, table))
    return [directory / SRAM, *bursts]


def _write_sram(path: Path, run: NetworkRun, names: list[str], chosen: list[bool], row_group: int) -> None:
    columns = {
        "layer": names, "cycle": "int64", "memory": MEMORIES, "access": ACCESSES, "array": "int16", "port": "int32",
        "lane": "int16", "address": "int64",
    }  # fmt: skip
    line = run.timeline
    stage_of = line.tiles[:, kernel.STAGE]
    with TableWriter(path, columns, row_group) as table:
        for index, (stage, own) in enumerate(zip(run.stages, run.runs, strict=True)):
            work = stage.array_work
            if work is None or own is None or not chosen[index]:
                continue
            tiles = slice(*(int(end) for end in stage_of.searchsorted([index, index + 1])))
            before = tiles.start - 1
            begin = int(max(line.compute_end[before], line.vector_end[before])) if before >= 0 else 0
            times = TileTimes(line.tiles[tiles], line.compute_end[tiles], begin)
            operands = partial(run.operands, work.layer)
            for found in layer_accesses(run.machine, work, own.tiling, times, operands):
                table.add(
                    layer=index,
                    cycle=found.cycles,
                    memory=MEMORIES.index(found.memory),
                    access=ACCESSES.index(found.access),
                    array=found.array,
                    port=found.ports,
                    lane=found.lanes,
                    address=found.addresses,
                )


def _dram_lines(run: NetworkRun, chosen: list[bool], table: TableWriter) -> Iterator[str]:
    """The bursts as ``bitgrove dram PART TRACE`` reads them, put into ``table`` as they pass."""
    for bursts in network_bursts(run):
        if not chosen[bursts.stage]:
            continue
        table.add(
            layer=bursts.stage,
            cycle=bursts.cycles,
            access=ACCESSES.index(bursts.access),
            tensor=TENSORS.index(bursts.tensor),
            address=bursts.addresses,
        )
        kind = bursts.access.upper()
        yield from (
            f"0x{address:x} {kind} {clock}\n"
            for address, clock in zip(bursts.addresses.tolist(), bursts.clocks.tolist(), strict=True)
        )
