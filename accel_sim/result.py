"""What a simulation returns: cycles, traffic, counts and energy, per layer and in total.

The JSON form is a contract (``"schema": 1``): every key is always present; a vector-unit layer has
``groups = m = n = k = 0`` and no MACs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from accel_sim.counts import DramCounts, LayerActions, MacCounts, SramCounts, SramTraffic, field_names

if TYPE_CHECKING:
    import pandas

__all__ = [
    "CycleCounts",
    "DramCounts",
    "EnergyBreakdown",
    "LayerResult",
    "MacCounts",
    "Result",
    "SramCounts",
    "SramTraffic",
    "TotalResult",
    "flatten",
    "sum_fields",
]

SCHEMA = 1
_Summable = TypeVar("_Summable")


@dataclass(frozen=True)
class CycleCounts:
    """Clock cycles. ``compute``: beats with the fill, load and drain that are not hidden; ``stall``: cycles lost to
    stretched beats and to DRAM; ``total = compute + stall``.
    """

    total: int = 0
    compute: int = 0
    stall: int = 0


@dataclass(frozen=True)
class EnergyBreakdown:
    """Picojoules per component; ``total`` is their sum."""

    multiply: float = 0.0
    accumulate: float = 0.0
    registers: float = 0.0
    fifos: float = 0.0
    sparsity_logic: float = 0.0
    activations_sram: float = 0.0
    weights_sram: float = 0.0
    outputs_sram: float = 0.0
    dram: float = 0.0
    vector_unit: float = 0.0
    leakage: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the components, pJ."""
        return float(sum(vars(self).values()))

    def to_dict(self) -> dict[str, float]:
        """Components and their total."""
        return {**vars(self), "total": self.total}


def sum_fields(kind: type[_Summable], parts: Iterable[_Summable]) -> _Summable:
    """Field-wise sum of equal, flat dataclasses of numbers."""
    rows = [vars(part) for part in parts]
    return kind(**{name: sum(row[name] for row in rows) for name in field_names(kind)})  # type: ignore[arg-type]


def _sram_dict(sram: SramCounts) -> dict[str, dict[str, float]]:
    return {
        name: {"read_bytes": part.read_bytes, "write_bytes": part.write_bytes}
        for name, part in (("activations", sram.activations), ("weights", sram.weights), ("outputs", sram.outputs))
    }


@dataclass(frozen=True)
class LayerResult:
    """One layer of the network on the machine. ``utilization``: share of the PE-lane cycles of ``cycles.total`` that
    did multiplications of the layer, 0..1. ``actions``: what the energy is the price of.
    """

    name: str
    op: str
    groups: int
    m: int
    n: int
    k: int
    a_bits: int
    w_bits: int
    a_signed: bool
    w_signed: bool
    cycles: CycleCounts
    utilization: float
    macs: MacCounts
    sram: SramCounts
    dram: DramCounts
    energy_pj: EnergyBreakdown
    actions: LayerActions
    mapping: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The layer's entry of the JSON contract."""
        head = ("name", "op", "groups", "m", "n", "k", "a_bits", "w_bits", "a_signed", "w_signed")
        return {
            **{key: getattr(self, key) for key in head},
            "cycles": dict(vars(self.cycles)),
            "utilization": self.utilization,
            "macs": dict(vars(self.macs)),
            "sram": _sram_dict(self.sram),
            "dram": dict(vars(self.dram)),
            "energy_pj": self.energy_pj.to_dict(),
            "counts": self.actions.to_dict(),
            "mapping": self.mapping,
        }


@dataclass(frozen=True)
class TotalResult:
    """Sums over the layers, and what follows from them. ``tops`` counts two operations per MAC; ``areas_mm2`` are
    the parts of ``area_mm2`` (:class:`accel_sim.energy.area.AreaBreakdown`).
    """

    cycles: CycleCounts
    utilization: float
    macs: MacCounts
    sram: SramCounts
    dram: DramCounts
    energy_pj: EnergyBreakdown
    latency_s: float
    area_mm2: float
    areas_mm2: dict[str, float] = field(default_factory=dict)

    @property
    def energy_j(self) -> float:
        """Energy of the whole network, joule."""
        return self.energy_pj.total * 1e-12

    @property
    def average_power_w(self) -> float:
        """Energy over latency, watt."""
        return self.energy_j / self.latency_s if self.latency_s else 0.0

    @property
    def edp_js(self) -> float:
        """Energy-delay product, joule second."""
        return self.energy_j * self.latency_s

    @property
    def tops(self) -> float:
        """10¹² operations per second, two per MAC."""
        return 2 * self.macs.total / self.latency_s / 1e12 if self.latency_s else 0.0

    @property
    def tops_per_w(self) -> float:
        """Operations per picojoule."""
        return 2 * self.macs.total / self.energy_pj.total if self.energy_pj.total else 0.0

    @property
    def tops_per_mm2(self) -> float:
        """Operations per microsecond and square millimetre."""
        return self.tops / self.area_mm2 if self.area_mm2 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The ``total`` entry of the JSON contract."""
        derived = (
            "latency_s",
            "energy_j",
            "average_power_w",
            "edp_js",
            "tops",
            "tops_per_w",
            "tops_per_mm2",
            "area_mm2",
        )
        return {
            "cycles": dict(vars(self.cycles)),
            "utilization": self.utilization,
            "macs": dict(vars(self.macs)),
            "sram": _sram_dict(self.sram),
            "dram": dict(vars(self.dram)),
            "energy_pj": self.energy_pj.to_dict(),
            **{key: getattr(self, key) for key in derived},
            "areas_mm2": self.areas_mm2,
        }


@dataclass(frozen=True)
class Result:
    """A whole simulation: the resolved machine, the layers and their sum.

    ``operands``: where the operands' values came from; empty where nothing on the machine depends on them.
    """

    model: str
    engine: str
    bitgrove_version: str
    hardware: dict[str, Any]
    hardware_hash: str
    seed: int
    layers: tuple[LayerResult, ...]
    total: TotalResult
    operands: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract as plain dictionaries."""
        return {
            "schema": SCHEMA,
            "bitgrove": self.bitgrove_version,
            "engine": self.engine,
            "model": self.model,
            "hardware": self.hardware,
            "hardware_hash": self.hardware_hash,
            "seed": self.seed,
            "operands": self.operands,
            "layers": [layer.to_dict() for layer in self.layers],
            "total": self.total.to_dict(),
        }

    def to_json(self, indent: int | None = 2) -> str:
        """The JSON contract as text."""
        return json.dumps(self.to_dict(), indent=indent)

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat row per layer, nested keys joined with a dot (``energy_pj.dram``)."""
        return [flatten(layer.to_dict()) for layer in self.layers]

    def to_pandas(self) -> pandas.DataFrame:
        """One row per layer (needs pandas)."""
        import pandas

        return pandas.DataFrame(self.to_rows())


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined with a dot.

    >>> flatten({"a": {"b": 1, "c": {"d": 2}}, "e": 3})
    {'a.b': 1, 'a.c.d': 2, 'e': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
