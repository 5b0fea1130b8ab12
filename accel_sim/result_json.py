"""Layers of the JSON contract, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from accel_sim.result import (
    CycleCounts,
    DramCounts,
    EnergyBreakdown,
    LayerResult,
    MacCounts,
    SramCounts,
    SramTraffic,
)

__all__ = ["layer_from_dict"]


def layer_from_dict(tree: Mapping[str, Any]) -> LayerResult:
    """The layer that :meth:`LayerResult.to_dict` wrote; keys of later versions are passed over.

    The JSON has an SRAM's bytes alone: the words behind them are 0.

    Raises:
        KeyError, TypeError: ``tree`` is no such entry.
    """
    parts = {
        "cycles": _read(CycleCounts, tree["cycles"]),
        "macs": _read(MacCounts, tree["macs"]),
        "sram": SramCounts(**{part.name: _traffic(tree["sram"][part.name]) for part in fields(SramCounts)}),
        "dram": _read(DramCounts, tree["dram"]),
        "energy_pj": _read(EnergyBreakdown, tree["energy_pj"]),
    }
    plain = {part.name: tree[part.name] for part in fields(LayerResult) if part.name not in parts}
    return LayerResult(**plain, **parts)


def _traffic(tree: Mapping[str, Any]) -> SramTraffic:
    return SramTraffic(read_bytes=tree["read_bytes"], write_bytes=tree["write_bytes"])


def _read(kind: Any, tree: Mapping[str, Any]) -> Any:
    return kind(**{part.name: tree[part.name] for part in fields(kind)})
