"""What tells points apart: the axes of a sweep, or whatever differs between single results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rl.report.machines import MachineFields, text_of
from rl.report.metrics import is_number
from rl.sweeps.axes import Axis
from rl.sweeps.store import StoredPoint

__all__ = ["AxisColumn", "axis_columns"]

_OF_A_PART = frozenset(
    {"kib", "banks", "word_bits", "ports", "format", "cell", "double_buffered", "lanes", "keep", "of"}
)
"""Last parts of field names that say little without the part before them."""


@dataclass(frozen=True)
class AxisColumn:
    """An axis and its value at each point; numbers stay numbers if all values are, else all are text.

    ``names``: whether points are named by it.
    """

    name: str
    label: str
    numeric: bool
    names: bool
    values: tuple[Any, ...]

    def to_dict(self) -> dict[str, Any]:
        """Fields by name."""
        return asdict(self)


def axis_columns(
    axes: Sequence[Axis], points: Sequence[StoredPoint], machines: MachineFields | None
) -> list[AxisColumn]:
    """The folder's axes, then model and machine where they vary beside them.

    Args:
        axes: of the folder.
        points: those that are done.
        machines: fields of the points' machines, where what varies in them is to be axes, too.
    """
    names = dict.fromkeys([*(axis.name for axis in axes), *(name for point in points for name in point.axes)])
    columns: dict[str, list[Any]] = {name: [point.axes.get(name) for point in points] for name in names}
    columns |= {
        name: column
        for name in ("model", "hardware")
        if name not in columns and len(set(column := [str(point.metrics.get(name, "")) for point in points])) > 1
    }
    naming = set(columns)
    if machines is not None:
        naming = set(names)
        fields = zip(machines.varying, zip(*machines.rows, strict=True), strict=True)
        columns |= {name: list(column) for name, column in fields if name not in ("name", *columns)}
    labels = _labels(list(columns))
    kept = _distinct(columns)
    return [_column(name, labels[name], column, name in naming) for name, column in kept.items()]


def _distinct(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Columns without those that say what an earlier one says in the same words."""
    kept: dict[str, list[Any]] = {}
    for name, column in columns.items():
        if not any(column == other for other in kept.values()) or len(column) < 2:
            kept[name] = column
    return kept


def _column(name: str, label: str, column: Sequence[Any], names: bool) -> AxisColumn:
    numeric = bool(column) and all(is_number(value) for value in column)
    return AxisColumn(name, label, numeric, names, tuple(column if numeric else map(text_of, column)))


def _labels(names: Sequence[str]) -> dict[str, str]:
    """The shortest ends of the names that still tell them apart."""
    labels: dict[str, str] = {}
    for name in names:
        parts = name.split(".")
        length = 2 if parts[-1] in _OF_A_PART else 1
        while length < len(parts) and sum(other.split(".")[-length:] == parts[-length:] for other in names) > 1:
            length += 1
        labels[name] = ".".join(parts[-length:])
    return labels
