"""``bitgrove explain``: how the figures of a result came about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel_sim.errors import InputError
from rl.outputs import check_destinations, is_stdout, write_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from accel_sim.explanation import Explained, ExplainedItem

__all__ = ["explain"]

SCHEMA = 1
_SHARE = 0.02
"""Constants that move a price by less than so many percent per percent are left out of the table."""


def explain(
    result: Annotated[Path, typer.Argument(metavar="RESULT.json", help="Written by `bitgrove simulate --json`.")],
    layer: Annotated[str, typer.Option("--layer", metavar="NAME", help="A layer, or total: all of them.")] = "total",
    component: Annotated[
        str | None,
        typer.Option("--component", metavar="NAME", help="One component of the energy alone, such as dram."),
    ] = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON; - prints it, and it alone.")
    ] = None,
) -> None:
    """Show how energies and cycles of a result came about: count × constant, and the constants' sources.

    Example: bitgrove explain result.json --layer conv1
    """
    from accel_sim.explanation import explain_layer, read_result

    check_destinations([("--json", json_)], ("", None))
    found = explain_layer(read_result(result), layer, str(result))
    items = _of_component(found.items, component)
    if json_ is not None:
        write_text(json_, json.dumps(_tree(found, items), indent=1) + "\n")
    if not is_stdout(json_):
        _print(found, items, cycles=component is None)


def _of_component(items: Sequence[ExplainedItem], component: str | None) -> Sequence[ExplainedItem]:
    from accel_sim.hardware.diagnose import suggestion
    from accel_sim.labels import COMPONENT_LABELS

    if component is None:
        return items
    if component not in COMPONENT_LABELS:
        hint = suggestion(component, COMPONENT_LABELS) or f"allowed: {', '.join(COMPONENT_LABELS)}"
        raise InputError(f"--component: holds {component!r}; {hint}")
    return [item for item in items if item.component == component]


def _tree(found: Explained, items: Sequence[ExplainedItem]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "model": found.model,
        "hardware": found.hardware.name,
        "layer": found.name,
        "energy_pj": found.total_pj,
        "cycles": found.total_cycles,
        "energy_items": [
            {
                "component": item.component,
                "action": item.action,
                "count": item.count,
                "price_pj": item.price_pj,
                "energy_pj": item.energy_pj,
                "note": item.note,
                "constants": [_constant(origin) for origin in item.origins],
            }
            for item in items
        ],
        "cycle_items": [
            {"part": item.part, "what": item.what, "cycles": item.cycles, "how": item.how} for item in found.cycles
        ],
    }


def _constant(origin: Any) -> dict[str, Any]:
    applied, constant = origin.constant, origin.constant.constant
    return {
        "name": applied.name,
        "percent_per_percent": origin.share,
        "value": applied.value,
        "table_value": constant.value,
        "scaled_by": applied.factor,
        "low": constant.low,
        "high": constant.high,
        "obtained": constant.obtained,
        "source": constant.source,
    }


def _print(found: Explained, items: Sequence[ExplainedItem], *, cycles: bool) -> None:
    from rich.console import Console

    from accel_sim.tables import TABLE_WIDTH

    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    for part in _views(found, items, cycles=cycles):
        console.print(part)


def _views(found: Explained, items: Sequence[ExplainedItem], *, cycles: bool) -> list[RenderableType]:
    from accel_sim.explanation_tables import constants_list, cycles_table, energy_table, notes_table

    views: list[RenderableType] = [energy_table(found, items)]
    if cycles and found.cycles:
        views.append(cycles_table(found))
    if any(item.note for item in items):
        views.append(notes_table(items))
    if any(item.origins for item in items):
        views.append(constants_list(items, _SHARE))
    return views
