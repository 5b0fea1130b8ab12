"""A sweep's results as tables for a terminal, and as rows for files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.labels import Scale, si_scale
from rl.sweeps.analysis import Sensitivity, best_points, pareto_front, sensitivity
from rl.sweeps.store import DONE, StoredPoint

__all__ = ["file_rows", "json_tree", "sweep_view", "write_parquet"]

SCHEMA = 1
_BEST, _FRONT, _MANY_AXES = 5, 12, 4
_COLUMNS = {
    "latency_s": ("latency", "s"),
    "energy_j": ("energy", "J"),
    "edp_js": ("EDP", "J·s"),
    "area_mm2": ("area mm²", ""),
    "tops_per_w": ("TOPS/W", ""),
}
"""Metrics of the tables: name, and the unit where it takes a prefix."""
_MODEL_COLUMNS = ("model", "batch")


def sweep_view(points: Sequence[StoredPoint], by: str, front: Sequence[str]) -> RenderableType:
    """Best points and Pareto front of every workload, then what the axes matter.

    Args:
        by: metric of the best points.
        front: metrics of the Pareto front.
    """
    parts: list[RenderableType] = []
    for workload, own in _by_workload(points).items():
        of = f" of {workload}" if workload else ""
        parts.append(_table(f"best by {by}{of}", best_points(own, by, _BEST), (by,)))
        found = pareto_front(own, front)
        more = f", {_FRONT} of {len(found)} shown" if len(found) > _FRONT else ""
        parts.append(_table(f"Pareto front over {', '.join(front)}{of}{more}", _thinned(found), front))
    shares = [one for one in (sensitivity(points, metric) for metric in front) if one is not None]
    if shares:
        parts.append(_sensitivity_table(shares))
    return Group(*parts)


def _by_workload(points: Sequence[StoredPoint]) -> dict[str, list[StoredPoint]]:
    """Points whose results can be compared with each other, by what the axes call the workload."""
    groups: dict[str, list[StoredPoint]] = {}
    for point in points:
        names = [name for name in _MODEL_COLUMNS if name in point.axes]
        label = ", ".join(f"{name} {point.axes[name]}" if name != "model" else str(point.axes[name]) for name in names)
        groups.setdefault(label, []).append(point)
    return groups


def _thinned(front: list[StoredPoint]) -> list[StoredPoint]:
    """At most a table's length of a front, both ends included."""
    if len(front) <= _FRONT:
        return front
    return [front[round(i * (len(front) - 1) / (_FRONT - 1))] for i in range(_FRONT)]


def _table(title: str, points: Sequence[StoredPoint], metrics: Sequence[str]) -> Table:
    names = [name for name in (points[0].axes if points else {}) if name not in _MODEL_COLUMNS]
    columns = {**_COLUMNS, **{name: (name, "") for name in metrics if name not in _COLUMNS}}
    if len(names) > _MANY_AXES and "tops_per_w" not in metrics:
        del columns["tops_per_w"]
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("point", justify="right", no_wrap=True, vertical="bottom")
    for name in names:
        table.add_column(Text(re.sub("[._]", "\n", name)), justify="right", vertical="bottom")
    scales = {}
    for name, (header, unit) in columns.items():
        scale = si_scale(min(abs(float(point.metrics[name])) for point in points), unit) if unit else Scale(1.0, "")
        scales[name] = scale
        table.add_column(Text(f"{header}\n{scale.unit}".strip()), justify="right", no_wrap=True, vertical="bottom")
    for point in points:
        axes = [_shown(point.axes[name]) for name in names]
        values = [f"{point.metrics[name] / scale.divisor:.4g}" for name, scale in scales.items()]
        table.add_row(str(point.number), *map(Text, axes), *values)
    return table


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _sensitivity_table(shares: Sequence[Sensitivity]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column(f"what each axis matters: {shares[0].method}")
    for one in shares:
        table.add_column(f"{one.metric} %", justify="right")
    for name in shares[0].shares:
        table.add_row(Text(name), *(f"{100 * one.shares.get(name, 0.0):.1f}" for one in shares))
    return table


def file_rows(points: Sequence[StoredPoint], kept: Sequence[StoredPoint] | None = None) -> list[dict[str, Any]]:
    """One flat row per point: its number and status, its axes, its metrics.

    Args:
        kept: the computed points that a condition has left; all that are not among them are left out.
    """
    numbers = None if kept is None else {point.number for point in kept}
    return [
        {"number": point.number, "status": point.status, "message": point.message}
        | {name: _shown(value) if isinstance(value, dict | list) else value for name, value in point.axes.items()}
        | {name: value for name, value in point.metrics.items() if name not in point.axes}
        for point in points
        if numbers is None or point.number in numbers
    ]


def json_tree(
    meta: Mapping[str, Any], points: Sequence[StoredPoint], kept: Sequence[StoredPoint], by: str, front: Sequence[str]
) -> dict[str, Any]:
    """Everything of a sweep; best points and front by their numbers, for each workload."""
    workloads = _by_workload(kept)
    return {
        "schema": SCHEMA,
        **meta,
        "points": [_tree(point) for point in points],
        "best": {
            "metric": by,
            "numbers": {name: _numbers(best_points(own, by, _BEST)) for name, own in workloads.items()},
        },
        "pareto": {
            "metrics": list(front),
            "numbers": {name: _numbers(pareto_front(own, front)) for name, own in workloads.items()},
        },
        "sensitivity": {one.metric: {"method": one.method, "shares": dict(one.shares)} for one in _all(kept, front)},
    }


def _all(points: Sequence[StoredPoint], metrics: Sequence[str]) -> Iterator[Sensitivity]:
    for metric in metrics:
        found = sensitivity(points, metric)
        if found is not None:
            yield found


def _tree(point: StoredPoint) -> dict[str, Any]:
    tree: dict[str, Any] = {"number": point.number, "axes": point.axes, "status": point.status}
    return tree | ({"metrics": point.metrics} if point.status == DONE else {"message": point.message})


def _numbers(points: Sequence[StoredPoint]) -> list[int]:
    return [point.number for point in points]


def write_parquet(path: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a Parquet file; columns of mixed kinds become text."""
    import io
    from pathlib import Path

    import pyarrow
    from pyarrow import parquet

    from accel_sim.files import write_atomically

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    write_atomically(Path(path), out.getvalue())


def _column(values: list[Any]) -> list[Any]:
    present = [value for value in values if value is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)
    if numbers and any(isinstance(value, float) for value in present):
        return [None if value is None else float(value) for value in values]
    same = numbers or len({type(value) for value in present}) <= 1
    return values if same else [None if value is None else str(value) for value in values]
