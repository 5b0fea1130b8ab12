"""Folders with made-up points, in the forms that `sweep` and `simulate --json` write."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from accel_sim import load_hardware
from accel_sim.hardware.schema import Hardware
from accel_sim.result import EnergyBreakdown, LayerResult, MacCounts, flatten
from rl.sweeps.store import DONE, FAILED, SCHEMA, Outcome, SweepStore, canonical_json
from tests.unit.plots import synthetic


def made_up_result(seed: int = 0, layers: int = 3, model: str = "net", **overrides: Any) -> dict[str, Any]:
    """A result of `simulate --json` in form: `layers` matrix products, each before a vector operation."""
    draw = random.Random(seed)
    rows = [row for i in range(layers) for row in (_product(f"stage{i // 4}.conv{i}", draw), _vector(f"relu{i}", draw))]
    made = synthetic.result_of(model, rows)
    hardware = _machine(tuple(overrides.items())).model_dump(mode="json")
    return replace(made, hardware=hardware, total=replace(made.total, area_mm2=1 + draw.random())).to_dict()


@cache
def _machine(overrides: tuple[tuple[str, Any], ...]) -> Hardware:
    return load_hardware("dense_int8_16x16", overrides=dict(overrides))


def _product(name: str, draw: random.Random) -> LayerResult:
    layer = synthetic.array_layer(name, 3136, 64, 576, dram_factor=draw.uniform(0.5, 8))
    energies = {name: draw.uniform(1e5, 1e8) for name in ("multiply", "accumulate", "registers", "dram", "leakage")}
    gated = draw.randrange(layer.macs.total)
    return replace(
        layer,
        utilization=draw.random(),
        macs=MacCounts(layer.macs.total, layer.macs.total - gated, gated, 0),
        energy_pj=EnergyBreakdown(**energies),
        mapping={"tile_m": 448, "tile_n": 16, "tile_k": 147, "loop_order": "mnk", "array_dim": "n"},
    )


def _vector(name: str, draw: random.Random) -> LayerResult:
    return synthetic.vector_layer(name, "relu", draw.randrange(20_000, 200_000))


def write_sweep(
    folder: Path,
    points: Sequence[tuple[Mapping[str, Any], dict[str, Any] | str]],
    title: str = "Rows",
    *,
    details: bool = True,
) -> Path:
    """A sweep's folder. ``points``: axes, and a result, or the message of a failure."""
    store = SweepStore(folder, create=True)
    names = list(points[0][0]) if points else []
    axes = [{"name": name, "values": list(dict.fromkeys(axis[name] for axis, _ in points))} for name in names]
    store.set_meta({"schema": SCHEMA, "bitgrove": "0.1.0", "title": title, "axes": axes})
    store.put(
        (f"key{number}", values, _outcome(number, result, details)) for number, (values, result) in enumerate(points)
    )
    return folder


def _outcome(number: int, result: dict[str, Any] | str, details: bool) -> Outcome:
    if isinstance(result, str):
        return Outcome(number, FAILED, result, seconds=0.5)
    metrics = {**flatten(result["total"]), "hardware": result["hardware"]["name"], "model": result["model"]}
    blob = zlib.compress(json.dumps(result).encode(), 1) if details else None
    return Outcome(number, DONE, "", canonical_json(metrics), 0.5, blob)


def small_sweep(folder: Path) -> Path:
    """Four points, of which one failed."""
    points: list[tuple[Mapping[str, Any], dict[str, Any] | str]] = [
        ({"array.rows": rows}, made_up_result(rows, **{"array.rows": rows})) for rows in (8, 16, 32)
    ]
    return write_sweep(folder, [*points, ({"array.rows": 64}, "layer 'conv': no tile fits")])
