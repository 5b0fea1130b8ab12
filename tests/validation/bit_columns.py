"""BitVert (BBS, MICRO 2024) and BitWave (HPCA 2024) against machines of the kinds that their papers compare with.

Both papers run ImageNet networks and BERT of which no weights are at hand; SqueezeNet 1.1 with its ImageNet weights,
quantised to 8 bits, stands for them. Machines have the same number of one-bit multipliers, 4,096: 16 windows × 32
filters of PEs with 8 of them, 288 KiB for weights and 256 KiB for activations (the authors' simulator, BitSim).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim import GemmLayer, Hardware, Result, Workload, load_hardware, simulate
from accel_sim.energy.area import area_breakdown
from accel_sim.formats.size import encoded_bits
from compress.load import load_workload
from tests.shared_files import shared_root

__all__ = [
    "GROUP",
    "bitwave_area_mm2",
    "bitwave_power_mw",
    "on_chip_saving",
    "rounded_average",
    "speed",
    "weight_shrinkage",
]

GROUP = 16
"""Weights that BitVert's PE takes at a time, and whose columns are pruned together."""
SENSITIVE = {2: 0.1, 4: 0.2}
"""Share of the channels that keep all columns where the others lose 2 (conservative) or 4 (moderate), recalled."""

_SERIAL = {"array.lanes": 8, "array.arithmetic": "serial_weight"}
_COLUMNS = {"array.arithmetic": "term_serial_weight", "array.term_window": 0}
_STORED = {"buffers.weights.format": "bit_columns", "dram.weight_format": "bit_columns"}
_KINDS: dict[str, dict[str, Any]] = {
    "stripes": _SERIAL,
    "bitwave": _COLUMNS | {"array.lanes": 8},
    "bitvert": _COLUMNS | _STORED | {"array.lanes": GROUP, "array.encoding": "bidirectional"},
}


def _machine(kind: str, **fields: Any) -> Hardware:
    """At 28 nm and 800 MHz; operands are broadcast in theirs, so folds follow one another without gaps."""
    lanes = _KINDS[kind]["array.lanes"]
    settings = {
        "technology.node_nm": 28,
        "technology.clock_mhz": 800,
        "array.rows": 16,
        "array.cols": 32,
        "array.dataflow": "os",
        "array.fold_overlap": "full",
        "array.edge_folds": "used",
        "array.encoding": "bits",
        "array.term_window": None,
        "buffers.weights.format": "dense",
        "dram.weight_format": "dense",
        "buffers.activations.kib": 256,
        "buffers.activations.banks": 16,
        "buffers.activations.word_bits": 8 * lanes,
        "buffers.weights.kib": 288,
        "buffers.weights.banks": 32,
        "buffers.weights.word_bits": 8 * lanes,
        "buffers.outputs.kib": 64,
        "buffers.outputs.banks": 32,
    }
    return load_hardware("bitvert_like", settings | _KINDS[kind] | fields)


@cache
def _network(pruned_columns: int = 0) -> Workload:
    """SqueezeNet 1.1's matrix products, each by itself; the channels that keep their columns come last."""
    path = shared_root() / "data" / "weights" / "imagenet" / "squeezenet1_1.pth"
    work = load_workload("compress.models:squeezenet1_1", weights=path)
    layers = [replace(layer, inputs=()) for layer in work.layers if isinstance(layer, GemmLayer)]
    if pruned_columns:
        layers = [replace(layer, weights=_pruned(layer.weights, pruned_columns)) for layer in layers]
    return Workload("squeezenet1_1", tuple(layers))


def _pruned(weights: NDArray[np.integer] | None, columns: int) -> NDArray[np.integer]:
    """The largest channels keep their columns, and become neighbours; the others are pruned."""
    assert weights is not None
    kept = round(weights.shape[2] * SENSITIVE[columns])
    order = np.argsort(np.abs(weights.astype(np.int64)).sum(axis=(0, 1)), kind="stable")
    weights = weights[:, :, order]
    split = weights.shape[2] - kept
    return np.concatenate([rounded_average(weights[:, :, :split], columns), weights[:, :, split:]], axis=2)


def rounded_average(
    weights: NDArray[np.integer], columns: int, bits: int = 8, group: int = GROUP
) -> NDArray[np.integer]:
    """BBS's rounded averaging: every group of ``group`` weights along k ``(groups, k, n)`` loses ``columns`` columns.

    Columns below the sign that only repeat it (three at most) are free; for the rest, the lowest columns of all weights
    of the group become their mean, rounded.
    """
    pruned = weights.astype(np.int64)
    for first in range(0, weights.shape[1], group):
        part = pruned[:, first : first + group]
        magnitude = np.where(part < 0, ~part, part).max(axis=1, keepdims=True)
        free = sum((magnitude < 1 << (bits - 1 - extra)).astype(np.int64) for extra in range(1, 4))
        low = np.maximum(columns - free, 0)
        high = part >> low << low
        mean = np.rint((part - high).mean(axis=1, keepdims=True)).astype(np.int64)
        pruned[:, first : first + group] = high + mean
    return pruned.astype(weights.dtype)


@cache
def _run(kind: str, pruned_columns: int = 0) -> Result:
    return simulate(_network(pruned_columns), _machine(kind))


def speed(kind: str, over: str, pruned_columns: int = 0) -> float:
    """Cycles of ``over`` over those of ``kind``."""
    return _run(over).total.cycles.total / _run(kind, pruned_columns).total.cycles.total


def on_chip_saving(kind: str, over: str, pruned_columns: int = 0) -> float:
    """Energy of ``over`` over that of ``kind``, without DRAM."""
    return _on_chip_pj(_run(over)) / _on_chip_pj(_run(kind, pruned_columns))


def _on_chip_pj(result: Result) -> float:
    return result.total.energy_pj.total - result.total.energy_pj.dram


def weight_shrinkage(pruned_columns: int) -> float:
    """Size of the weights over that with columns pruned, stored as BitVert does."""
    weights = [layer.weights for layer in _network(pruned_columns).layers if isinstance(layer, GemmLayer)]
    vectors = [part.transpose(0, 2, 1).reshape(-1, part.shape[1]) for part in weights if part is not None]
    sizes = {name: sum(encoded_bits(name, part, 8) for part in vectors) for name in ("dense", "bit_columns")}
    return sizes["dense"] / sizes["bit_columns"]


def _bitwave_chip() -> Hardware:
    """BitWave's chip: 16 nm, 250 MHz, 512 KiB (recalled), cells of low standby power, no DRAM."""
    cells = {f"buffers.{name}.cell": "lstp" for name in ("activations", "weights", "outputs")}
    memory = {"buffers.activations.kib": 256, "buffers.weights.kib": 192, "dram.part": "ideal"}
    point = {"technology.node_nm": 16, "technology.voltage_v": 0.8, "technology.clock_mhz": 250}
    return _machine("bitwave", **cells, **memory, **point)


def bitwave_area_mm2() -> float:
    """The arrays and the SRAMs."""
    return area_breakdown(_bitwave_chip()).total


def bitwave_power_mw() -> float:
    """Mean over the network, without DRAM."""
    hardware = _bitwave_chip()
    result = simulate(_network(), hardware)
    cycle_ns = 1e3 / hardware.technology.clock_mhz
    return _on_chip_pj(result) / (result.total.cycles.total * cycle_ns)
