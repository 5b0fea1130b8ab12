"""Quantities of a point: their names, units, and which direction is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

from accel_sim.labels import COMPONENT_LABELS
from rl.sweeps.store import StoredPoint

__all__ = ["Metric", "is_number", "known_metrics", "metrics_of", "value_of"]

LOWER, HIGHER, NEITHER = -1, 1, 0
_PJ = 1e-12
_PERCENT = 100
_SRAM_NAMES = {"activations": "Activation SRAM", "weights": "Weight SRAM", "outputs": "Output SRAM"}
_COUNTS = "Cycles and operations"
_TRAFFIC = "Traffic"


@dataclass(frozen=True)
class Metric:
    """A number that every point has.

    Attributes:
        key: in :attr:`StoredPoint.metrics`.
        label, unit: as axes are titled; a unit of none is ``""``.
        factor: a stored value times this is in ``unit``.
        prefixed: whether the unit takes SI prefixes (a milli-square-millimetre is nobody's unit).
        better: -1 where less is better, 1 where more is, 0 where neither.
        group: heading of menus.

    """

    key: str
    label: str
    unit: str
    factor: float = 1.0
    prefixed: bool = True
    better: int = LOWER
    group: str = "Result"

    def to_dict(self) -> dict[str, Any]:
        """Fields by name."""
        return asdict(self)


_RESULTS = (
    Metric("latency_s", "Latency", "s"),
    Metric("energy_j", "Energy", "J"),
    Metric("edp_js", "Energy-delay product", "J·s"),
    Metric("area_mm2", "Area", "mm²", prefixed=False),
    Metric("average_power_w", "Average power", "W"),
    Metric("tops", "Throughput", "OPS", factor=1e12, better=HIGHER),
    Metric("tops_per_w", "Efficiency", "TOPS/W", prefixed=False, better=HIGHER),
    Metric("tops_per_mm2", "Density", "TOPS/mm²", prefixed=False, better=HIGHER),
    Metric("utilization", "Utilisation", "%", factor=_PERCENT, prefixed=False, better=HIGHER),
    Metric("stall_share", "Stalled cycles", "%", factor=_PERCENT, prefixed=False),
)


def known_metrics() -> tuple[Metric, ...]:
    """All that a result has, in the order of menus."""
    energies = (
        Metric(f"energy_pj.{name}", f"Energy, {label}", "J", factor=_PJ, group="Energy by component")
        for name, label in COMPONENT_LABELS.items()
    )
    counts = (
        Metric("cycles.total", "Cycles", "", group=_COUNTS),
        Metric("cycles.compute", "Computing cycles", "", group=_COUNTS),
        Metric("cycles.stall", "Stall cycles", "", group=_COUNTS),
        Metric("macs.total", "MACs", "", better=NEITHER, group=_COUNTS),
        Metric("macs.effectual", "MACs, effectual", "", better=NEITHER, group=_COUNTS),
        Metric("macs.gated", "MACs, gated", "", better=NEITHER, group=_COUNTS),
        Metric("macs.skipped", "MACs, skipped", "", better=HIGHER, group=_COUNTS),
    )
    dram = (
        Metric("dram.read_bytes", "DRAM, read", "B", group=_TRAFFIC),
        Metric("dram.write_bytes", "DRAM, written", "B", group=_TRAFFIC),
        Metric("dram.row_misses", "DRAM, row misses", "", group=_TRAFFIC),
    )
    srams = (
        Metric(f"sram.{key}.{way}_bytes", f"{name}, {verb}", "B", group=_TRAFFIC)
        for key, name in _SRAM_NAMES.items()
        for way, verb in (("read", "read"), ("write", "written"))
    )
    return (*_RESULTS, *energies, *counts, *dram, *srams)


def metrics_of(points: Sequence[StoredPoint]) -> list[Metric]:
    """The known metrics that any of ``points`` has other than 0, and numbers of theirs that are not known by name."""
    known = known_metrics()
    used = [metric for metric in known if any(value_of(point, metric.key) for point in points)]
    listed = {metric.key for metric in known} | set(_LEFT_OUT)
    others = dict.fromkeys(
        key for point in points for key, value in point.metrics.items() if key not in listed and is_number(value)
    )
    return used + [Metric(key, key, "", better=NEITHER, group="Other") for key in others]


_LEFT_OUT = ("energy_pj.total", "dram.activates", "dram.row_hits", "dram.refreshes")
"""Said by another metric, or of little use to choose a machine by."""


def value_of(point: StoredPoint, key: str) -> float | None:
    """The number, as it is stored; ``None`` where the point has none."""
    if key == "stall_share":
        total, stall = point.metrics.get("cycles.total"), point.metrics.get("cycles.stall")
        return stall / total if is_number(stall) and is_number(total) and total else None
    value = point.metrics.get(key)
    return value if is_number(value) else None


def is_number(value: Any) -> TypeGuard[float]:
    """Whether ``value`` is a number that can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
