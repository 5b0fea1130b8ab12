"""Folders with made-up points, in the forms that `sweep` and `simulate --json` write."""

from __future__ import annotations

import json
import random
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from accel_sim import load_hardware
from accel_sim.counts import ArrayCounts, LayerActions
from accel_sim.hardware.schema import Hardware
from accel_sim.result import (
    CycleCounts,
    DramCounts,
    EnergyBreakdown,
    LayerResult,
    MacCounts,
    Result,
    SramCounts,
    SramTraffic,
    TotalResult,
    flatten,
    sum_fields,
)

TABLES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE points(number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, axes TEXT NOT NULL, status TEXT NOT NULL,
  message TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL DEFAULT 0);
CREATE TABLE details(number INTEGER PRIMARY KEY, result BLOB);
"""

_NOTHING = LayerActions(8, 8, ArrayCounts(), SramCounts(), DramCounts(), 0, 0)


def made_up_result(seed: int = 0, layers: int = 3, model: str = "net", **overrides: Any) -> dict[str, Any]:
    """A result of `simulate --json` in form: `layers` matrix products, each before a vector operation."""
    draw = random.Random(seed)
    machine = _machine(tuple(overrides.items()))
    rows = [row for i in range(layers) for row in (_product(f"stage{i // 4}.conv{i}", draw), _vector(f"relu{i}", draw))]
    energy = sum_fields(EnergyBreakdown, (row.energy_pj for row in rows))
    cycles = sum_fields(CycleCounts, (row.cycles for row in rows))
    total = TotalResult(
        cycles=cycles,
        utilization=0.5,
        macs=sum_fields(MacCounts, (row.macs for row in rows)),
        sram=SramCounts(),
        dram=sum_fields(DramCounts, (row.dram for row in rows)),
        energy_pj=energy,
        latency_s=cycles.total / 500e6,
        area_mm2=1 + draw.random(),
    )
    return Result(model, "fast", "0.1.0", machine.model_dump(mode="json"), "0" * 16, 0, tuple(rows), total).to_dict()


@cache
def _machine(overrides: tuple[tuple[str, Any], ...]) -> Hardware:
    return load_hardware("dense_int8_16x16", overrides=dict(overrides))


def _product(name: str, draw: random.Random) -> LayerResult:
    compute, stall = draw.randrange(10**4, 10**6), draw.randrange(10**4)
    energies = {name: draw.uniform(1e5, 1e8) for name in ("multiply", "accumulate", "registers", "dram", "leakage")}
    macs = 3136 * 64 * 576
    gated = draw.randrange(macs)
    return LayerResult(
        name=name,
        op="conv2d",
        groups=1,
        m=3136,
        n=64,
        k=576,
        a_bits=8,
        w_bits=8,
        a_signed=True,
        w_signed=True,
        cycles=CycleCounts(compute + stall, compute, stall),
        utilization=draw.random(),
        macs=MacCounts(macs, macs - gated, gated, 0),
        sram=SramCounts(SramTraffic(1e6, 2e6), SramTraffic(3e6, 4e6), SramTraffic(5e6, 6e6)),
        dram=DramCounts(read_bytes=draw.randrange(10**6), write_bytes=draw.randrange(10**6)),
        energy_pj=EnergyBreakdown(**energies),
        actions=_NOTHING,
        mapping={"tile_m": 448, "tile_n": 16, "tile_k": 147, "loop_order": "mnk", "array_dim": "n"},
    )


def _vector(name: str, draw: random.Random) -> LayerResult:
    shape = {"groups": 0, "m": 0, "n": 0, "k": 0, "a_bits": 8, "w_bits": 8, "a_signed": True, "w_signed": True}
    parts = {"utilization": 0.0, "macs": MacCounts(), "sram": SramCounts(), "dram": DramCounts()}
    energy = EnergyBreakdown(vector_unit=draw.uniform(1e4, 1e5))
    return LayerResult(name=name, op="relu", cycles=CycleCounts(), energy_pj=energy, actions=_NOTHING, **shape, **parts)  # type: ignore[arg-type]


def write_sweep(
    folder: Path,
    points: Sequence[tuple[Mapping[str, Any], dict[str, Any] | str]],
    title: str = "Rows",
    *,
    details: bool = True,
) -> Path:
    """A sweep's folder. ``points``: axes, and a result, or the message of a failure."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "sweep.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(TABLES)
    names = list(points[0][0]) if points else []
    axes = [{"name": name, "values": list(dict.fromkeys(axis[name] for axis, _ in points))} for name in names]
    meta = {"schema": 1, "bitgrove": "0.1.0", "title": title, "axes": axes}
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)", [(name, json.dumps(value)) for name, value in meta.items()]
    )
    insert = "INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?)"
    for number, (values, result) in enumerate(points):
        head = (number, f"key{number}", json.dumps(values))
        if isinstance(result, str):
            connection.execute(insert, (*head, "failed", result, "", 0.5))
            continue
        metrics = {**flatten(result["total"]), "hardware": result["hardware"]["name"], "model": result["model"]}
        connection.execute(insert, (*head, "done", "", json.dumps(metrics), 0.5))
        if details:
            blob = zlib.compress(json.dumps(result).encode(), 1)
            connection.execute("INSERT INTO details VALUES (?, ?)", (number, blob))
    connection.commit()
    connection.close()
    return folder


def small_sweep(folder: Path) -> Path:
    """Four points, of which one failed."""
    points: list[tuple[Mapping[str, Any], dict[str, Any] | str]] = [
        ({"array.rows": rows}, made_up_result(rows, **{"array.rows": rows})) for rows in (8, 16, 32)
    ]
    return write_sweep(folder, [*points, ({"array.rows": 64}, "layer 'conv': no tile fits")])
