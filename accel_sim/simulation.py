"""From a workload and a machine to a result: the stages of a simulation, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from accel_sim import __version__
from accel_sim.array.beats import counts_depend_on_data
from accel_sim.errors import InputError
from accel_sim.formats.packed import pack_stages, packs_operands
from accel_sim.formats.stored import StoredShares, stored_shares, stores_compressed
from accel_sim.formats.tiles import compressed_run
from accel_sim.hardware.schema import Hardware
from accel_sim.layer_run import Dependencies, LayerRun, time_with_data
from accel_sim.machine import Machine, build_machine
from accel_sim.mapping.layouts import layouts_of
from accel_sim.mapping.search import find_tiling
from accel_sim.mapping.tiling import Tiling
from accel_sim.memory.placement import layer_spans, stage_regions, vector_spans
from accel_sim.network_run import NetworkRun
from accel_sim.operand_checks import check_operands
from accel_sim.operand_origin import operand_origin
from accel_sim.operands import LayerOperands, layer_operands
from accel_sim.residency import Residency, plan_residency, without_dram
from accel_sim.result import Result
from accel_sim.rows import stage_rows, total_row
from accel_sim.schedule import ArrayWork, Stage, build_stages
from accel_sim.timeline.stages import network_timeline, vector_tiles
from accel_sim.workload import Workload

__all__ = ["operands_matter", "simulate"]

Engine = Callable[[Machine, ArrayWork, Tiling, Dependencies, Callable[[], LayerOperands]], LayerRun]
"""Times one array layer; the last argument gives its operands to an engine that needs them."""

Progress = Callable[[int, int, str], None]
"""Called with (stages done, stages in all, layer name)."""


def _fast(
    machine: Machine,
    work: ArrayWork,
    tiling: Tiling,
    dependencies: Dependencies,
    operands: Callable[[], LayerOperands],
) -> LayerRun:
    """Closed forms, and recurrences where operands decide."""
    run = layouts_of(machine, work.anonymous()).under(machine, tiling).after(dependencies)
    if _takes_operands(machine.hardware):
        return time_with_data(machine, work, run, operands())
    return run


def _reference(
    machine: Machine,
    work: ArrayWork,
    tiling: Tiling,
    dependencies: Dependencies,
    operands: Callable[[], LayerOperands],
) -> LayerRun:
    """Every PE, every cycle."""
    from accel_sim.reference.layer import run_layer  # its kernels take a while to import

    return run_layer(machine, work, tiling, dependencies, operands()).run


ENGINES: dict[str, Engine] = {"fast": _fast, "reference": _reference}


def simulate(
    workload: Workload,
    hardware: Hardware,
    *,
    engine: str = "fast",
    seed: int = 0,
    progress: Progress | None = None,
    network: Callable[[NetworkRun], object] | None = None,
) -> Result:
    """Run ``workload`` on ``hardware`` and count cycles, traffic and energy.

    Args:
        engine: ``fast``, or ``reference`` (every PE and cycle, with real operands: the same result, much later).
        seed: for operands that are drawn because none are given; recorded in the result.
        progress: called after each stage is mapped.
        network: called with what the run knows of its layers and the times of their tiles
            (:func:`accel_sim.timeline.perfetto.write_trace` draws them,
            :func:`accel_sim.address_trace.write_address_trace` writes all accesses).

    Raises:
        InputError: an unknown engine.
        WorkloadError: a layer's integers do not fit its shape, its bits or the machine's N:M pattern.
        HardwareError: an energy table or DRAM part is wrong.
        MappingError: a layer fits no legal tile.

    """
    if engine not in ENGINES:
        raise InputError(f"engine: holds {engine!r}; allowed: {', '.join(ENGINES)}")
    machine = build_machine(hardware)
    operands = partial(layer_operands, seed=seed, sparsity=hardware.array.weight_sparsity)
    stages = pack_stages(hardware, build_stages(workload), operands)
    runs = _map_stages(machine, stages, ENGINES[engine], seed, progress)
    tiles = [
        run.tiles if run is not None else vector_tiles(machine, stage, _last(stage.input_stages))
        for run, stage in zip(runs, stages, strict=True)
    ]
    plan = plan_residency(hardware, stages, tiles)
    runs, tiles = _kept_on_chip(stages, runs, tiles, plan)
    shares = stored_shares(hardware, stages, operands)
    runs, tiles = _compressed(stages, runs, tiles, shares)
    spans = _spans(machine, stages, runs, tiles) if machine.dram.is_cycle_level else None
    line, times = network_timeline(machine, stages, tiles, spans)
    if network is not None:
        network(NetworkRun(machine, stages, tuple(runs), line, spans, operands))
    rows = {
        row.name: row
        for stage, run, time, residency, stored in zip(stages, runs, times, plan, shares, strict=True)
        for row in stage_rows(machine, stage, run, time, residency, stored)
    }
    layers = tuple(rows[layer.name] for layer in workload.layers)
    return Result(
        model=workload.name,
        engine=engine,
        bitgrove_version=__version__,
        hardware=hardware.resolved(),
        hardware_hash=machine.content_hash,
        seed=seed,
        layers=layers,
        total=total_row(machine, layers),
        operands=operand_origin(workload, seed) if operands_matter(hardware) else "",
    )


def _kept_on_chip(
    stages: tuple[Stage, ...],
    runs: list[LayerRun | None],
    tiles: list[NDArray[np.int64]],
    plan: list[Residency],
) -> tuple[list[LayerRun | None], list[NDArray[np.int64]]]:
    """Runs and tiles without the transfers of what stays on chip."""
    left = [
        without_dram(stage, None if run is None else run.tiling, own, residency)
        for stage, run, own, residency in zip(stages, runs, tiles, plan, strict=True)
    ]
    kept = [None if run is None else replace(run, tiles=own) for run, own in zip(runs, left, strict=True)]
    return kept, left


def _compressed(
    stages: tuple[Stage, ...],
    runs: list[LayerRun | None],
    tiles: list[NDArray[np.int64]],
    shares: list[StoredShares],
) -> tuple[list[LayerRun | None], list[NDArray[np.int64]]]:
    """Runs and tiles whose transfers move tensors as they are stored."""
    shrunk = []
    for stage, run, stored in zip(stages, runs, shares, strict=True):
        work = stage.array_work
        shrunk.append(run if run is None or work is None else compressed_run(work.layer, run, stored))
    return shrunk, [own if run is None else run.tiles for run, own in zip(shrunk, tiles, strict=True)]


def _spans(
    machine: Machine, stages: tuple[Stage, ...], runs: list[LayerRun | None], tiles: list[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Addresses of all transfers."""
    layout, acc_bits = machine.hardware.mapping.layout, machine.hardware.array.acc_bits
    tilings = [None if run is None else run.tiling for run in runs]
    spans = []
    for stage, tiling, own, regions in zip(
        stages, tilings, tiles, stage_regions(stages, tilings, acc_bits), strict=True
    ):
        work = stage.array_work
        if work is None or tiling is None:
            spans.append(vector_spans(own, regions))
        else:
            spans.append(layer_spans(work.layer, tiling, own, regions, layout))
    return spans


def _takes_operands(hardware: Hardware) -> bool:
    """Whether the fast engine runs folds one by one: where values decide, or the addresses of the activations."""
    return counts_depend_on_data(hardware.array) or hardware.buffers.bank_conflicts == "exact"


def operands_matter(hardware: Hardware) -> bool:
    """Whether a result depends on the operands' values, not just on their widths."""
    return counts_depend_on_data(hardware.array) or stores_compressed(hardware) or packs_operands(hardware.buffers)


def _map_stages(
    machine: Machine, stages: tuple[Stage, ...], engine: Engine, seed: int, progress: Progress | None
) -> list[LayerRun | None]:
    """Runs of all stages, in order. Where operands decide, on all cores: stages do not depend on each other here."""
    one = partial(_map_stage, machine, engine, seed)
    if not _takes_operands(machine.hardware):
        return _report(map(one, stages), stages, progress)
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        return _report(pool.map(one, stages), stages, progress)


def _report(
    runs: Iterable[LayerRun | None], stages: tuple[Stage, ...], progress: Progress | None
) -> list[LayerRun | None]:
    done = []
    for run, stage in zip(runs, stages, strict=True):
        done.append(run)
        if progress is not None:
            progress(len(done), len(stages), stage.layers[0].name)
    return done


def _map_stage(machine: Machine, engine: Engine, seed: int, stage: Stage) -> LayerRun | None:
    """Tiles of an array stage under its best mapping; ``None`` for a vector layer."""
    work = stage.array_work
    if work is None:
        return None
    dependencies = Dependencies(
        weights=_last(stage.weight_stages),
        activations=_last(stage.input_stages),
        extra=_last(stage.extra_stages),
    )
    array = machine.hardware.array
    check_operands(work.layer, array)
    operands = partial(layer_operands, work.layer, seed, array.weight_sparsity)
    return engine(machine, work, find_tiling(machine, work), dependencies, operands)


def _last(stages: Iterable[int]) -> int:
    return max(stages, default=-1)
