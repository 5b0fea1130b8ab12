"""How each figure of a layer came about, from a result's JSON alone: count × constant, and where constants come from.

The counts stand in the result; the prices are worked out anew from the resolved machine in it. So an explanation adds
up to the figure only if it explains it: what does not add up is refused, not smoothed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from accel_sim import __version__
from accel_sim.counts import LayerActions
from accel_sim.cycle_items import CycleItem, cycle_items
from accel_sim.energy.items import Origin, energy_items, price_origins
from accel_sim.energy.model import energy_model
from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import suggestion
from accel_sim.hardware.schema import Hardware
from accel_sim.memory.parts import DramEnergy, load_part

__all__ = ["Explained", "ExplainedItem", "explain_layer", "read_result"]

_TOLERANCE = 1e-9
_TOTAL = "total"


@dataclass(frozen=True)
class ExplainedItem:
    """``energy_pj = count × price_pj``; ``note``: of a price that no constant of the table stands behind."""

    component: str
    action: str
    count: float
    price_pj: float
    origins: tuple[Origin, ...]
    note: str

    @property
    def energy_pj(self) -> float:
        """The item's part of its component."""
        return self.count * self.price_pj


@dataclass(frozen=True)
class Explained:
    """One layer, or all of them together (``name`` is then ``total``, and there are no ``cycles``)."""

    name: str
    model: str
    hardware: Hardware
    items: tuple[ExplainedItem, ...]
    cycles: tuple[CycleItem, ...]
    total_pj: float
    total_cycles: int


def read_result(path: Path) -> dict[str, Any]:
    """The JSON of a simulation.

    Raises:
        InputError: no such file, or something else.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise InputError(f"{path}: {reason}; a file of `bitgrove simulate --json` is needed") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise InputError(f"{path}: is nested too deeply to be a result") from error
    if not isinstance(tree, dict) or not {"hardware", "layers", "total", "schema"} <= set(tree):
        raise InputError(f"{path}: is no result of `bitgrove simulate --json`")
    if tree["schema"] != 1:
        raise InputError(f"{path}: schema holds {tree['schema']!r}; allowed: 1")
    _check_form(tree, path)
    return tree


def _check_form(tree: Mapping[str, Any], path: Path) -> None:
    """Refuse a tree whose parts are not what :func:`explain_layer` takes apart."""
    layers = tree["layers"]
    if not isinstance(layers, list):
        raise InputError(f"{path}: layers: holds {type(layers).__name__}; allowed: a list")
    for index, layer in enumerate([*layers, tree["total"]]):
        where = f"layers[{index}]" if index < len(layers) else "total"
        if not isinstance(layer, dict):
            raise InputError(f"{path}: {where}: holds {type(layer).__name__}; allowed: a mapping")
        needed = {"energy_pj": dict, "cycles": dict, **({"name": str, "mapping": dict} if index < len(layers) else {})}
        for name, kind in needed.items():
            if not isinstance(layer.get(name), kind):
                raise InputError(f"{path}: {where}.{name}: is missing or no {kind.__name__}")
        for part in ("energy_pj", "cycles"):
            for key, value in layer[part].items():
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise InputError(f"{path}: {where}.{part}.{key}: holds {value!r}; allowed: a number")


def explain_layer(tree: Mapping[str, Any], name: str, source: str = "result") -> Explained:
    """Explain one layer of a result, or ``total``.

    Args:
        tree: what :func:`read_result` returned.
        source: its name, for messages.

    Raises:
        InputError: no such layer, a result without counts, a machine that is not one, or prices that have changed.
    """
    try:
        hardware = Hardware.model_validate(tree["hardware"])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(f"{source}: hardware.{field}: {first['msg']}; it was written by another version") from error
    entries = _entries(tree, name, source)
    whole = name == _TOTAL and name not in {layer["name"] for layer in tree["layers"]}
    try:
        actions = [LayerActions.from_layer(entry) for entry in entries]
    except (KeyError, TypeError) as error:
        raise InputError(f"{source}: its layers have no counts; write it anew with bitgrove {__version__}") from error
    items = _explained_items(hardware, actions)
    figures = tree["total"]["energy_pj"] if whole else entries[0]["energy_pj"]
    _check_sums(items, figures, source)
    cycles = tree["total"]["cycles"] if whole else entries[0]["cycles"]
    return Explained(
        name=name,
        model=str(tree.get("model", "")),
        hardware=hardware,
        items=items,
        cycles=() if whole else cycle_items(hardware, entries[0]),
        total_pj=figures["total"],
        total_cycles=cycles["total"],
    )


def _entries(tree: Mapping[str, Any], name: str, source: str) -> list[Mapping[str, Any]]:
    layers = {str(layer["name"]): layer for layer in tree["layers"]}
    if name in layers:
        return [layers[name]]
    if name == _TOTAL:
        return list(layers.values())
    hint = suggestion(name, [*layers, _TOTAL]) or f"layers: {', '.join(list(layers)[:8])}, …, or {_TOTAL}"
    raise InputError(f"{source}: has no layer {name!r}; {hint}")


def _explained_items(hardware: Hardware, layers: Sequence[LayerActions]) -> tuple[ExplainedItem, ...]:
    """Items of all layers; equal actions at equal prices are one."""
    dram = load_part(hardware.dram.part).energy_pj_per_bit
    model = energy_model(hardware, dram.value)
    counts: dict[tuple[str, str, float], float] = {}
    prices = {}
    for actions in layers:
        for item in energy_items(actions):
            key = (item.component, item.action, item.price_of(model))
            counts[key] = counts.get(key, 0) + item.count
            prices[key] = item.price_of
    used = [key for key, count in counts.items() if count and key[-1]]
    origins = price_origins(hardware, dram.value, [prices[key] for key in used])
    return tuple(
        ExplainedItem(component, action, counts[component, action, price], price, of, _note(component, hardware, dram))
        for (component, action, price), of in zip(used, origins, strict=True)
    )


def _note(component: str, hardware: Hardware, dram: DramEnergy) -> str:
    """Where a price comes from that is more than constants of the table."""
    technology = hardware.technology
    if component == "dram":
        return f"{hardware.dram.part}: {dram.value:g} pJ/bit, {dram.low:g} to {dram.high:g}: {dram.source}"
    if component.endswith("_sram"):
        buffer = getattr(hardware.buffers, component.removesuffix("_sram"))
        size = f"{buffer.kib:g} KiB, {buffer.banks} banks of {buffer.word_bits} bits, {buffer.ports}, {buffer.cell}"
        return f"{hardware.energy.sram_estimator or 'CACTI 7, interpolated'}: {size}, {technology.node_nm:g} nm"
    if component == "leakage":
        return (
            f"PEs, edges and SRAMs (CACTI 7) at {technology.temperature_k:g} K, one cycle of"
            f" {technology.clock_mhz:g} MHz"
        )
    return ""


def _check_sums(items: Sequence[ExplainedItem], figures: Mapping[str, float], source: str) -> None:
    sums: dict[str, float] = {}
    for item in items:
        sums[item.component] = sums.get(item.component, 0.0) + item.energy_pj
    for component, figure in figures.items():
        explained = sum(sums.values()) if component == _TOTAL else sums.get(component, 0.0)
        if not isclose(explained, figure, rel_tol=_TOLERANCE, abs_tol=1e-6):
            raise InputError(
                f"{source}: energy_pj.{component} holds {figure:.6g}, its counts times today's prices give"
                f" {explained:.6g}; it was written with other tables: write it anew"
            )
