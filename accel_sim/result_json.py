"""Layers of the JSON contract, read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accel_sim.counts import LayerActions, field_names
from accel_sim.result import CycleCounts, EnergyBreakdown, LayerResult

__all__ = ["layer_from_dict"]


def layer_from_dict(tree: Mapping[str, Any]) -> LayerResult:
    """The layer that :meth:`LayerResult.to_dict` wrote; keys of later versions are passed over.

    Raises:
        KeyError, TypeError: ``tree`` is no such entry.
    """
    actions = LayerActions.from_layer(tree)
    parts = {
        "cycles": _read(CycleCounts, tree["cycles"]),
        "macs": actions.array.macs,
        "sram": actions.sram,
        "dram": actions.dram,
        "energy_pj": _read(EnergyBreakdown, tree["energy_pj"]),
        "actions": actions,
    }
    plain = {name: tree[name] for name in field_names(LayerResult) if name not in parts}
    return LayerResult(**plain, **parts)


def _read(kind: Any, tree: Mapping[str, Any]) -> Any:
    return kind(**{name: tree[name] for name in field_names(kind)})
