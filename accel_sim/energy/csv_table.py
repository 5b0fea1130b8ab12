"""A user's own constants as CSV: some of them, the others stay those of the shipped table.

Columns ``name``, ``value`` and, where they are known, ``low``, ``high``, ``node_nm``, ``voltage_v``, ``obtained``,
``source``. Node and voltage default to those of the constant that is replaced.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import suggestion

if TYPE_CHECKING:
    from accel_sim.energy.tables import Constant, EnergyTable

__all__ = ["read_csv_table"]

COLUMNS = ("name", "value", "low", "high", "node_nm", "voltage_v", "obtained", "source")
_NUMBERS = ("value", "low", "high", "voltage_v")
_MOST_BYTES = 1 << 20


def read_csv_table(path: Path, base: EnergyTable) -> EnergyTable:
    """``base`` with the constants of the file.

    Raises:
        HardwareError: the file cannot be read, lacks a column, names a constant twice or one that is unknown, or holds
            a value that is none.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise HardwareError(f"{path}: is larger than 1 MiB; a table of constants has some forty lines")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise HardwareError(f"{path}: {reason}") from error
    rows = csv.DictReader(lines)
    _check_columns(path, rows.fieldnames or [])
    constants = dict(base.constants)
    seen: set[str] = set()
    for row in rows:
        name = (row["name"] or "").strip()
        where = f"{path}:{rows.line_num}"
        if name not in base.constants:
            hint = suggestion(name, base.constants) or f"allowed: {', '.join(base.constants)}"
            raise HardwareError(f"{where}: name holds {name!r}; {hint}")
        if name in seen:
            raise HardwareError(f"{where}: {name} stands here for the second time")
        seen.add(name)
        constants[name] = _constant(where, row, base.constants[name], path)
    return base.model_copy(update={"name": path.stem, "constants": constants})


def _check_columns(path: Path, found: Any) -> None:
    missing = [name for name in COLUMNS[:2] if name not in found]
    unknown = [name for name in found if name not in COLUMNS]
    if missing or unknown:
        wrong = f"has no column {missing[0]!r}" if missing else f"has an unknown column {unknown[0]!r}"
        raise HardwareError(f"{path}:1: {wrong}; allowed: {', '.join(COLUMNS)}; the first two are needed")


def _constant(where: str, row: dict[str, Any], replaced: Constant, path: Path) -> Constant:
    fields: dict[str, Any] = {
        "node_nm": replaced.node_nm,
        "voltage_v": replaced.voltage_v,
        "obtained": "assumed",
        "source": path.name,
    }
    for name in COLUMNS[1:]:
        text = (row.get(name) or "").strip()
        if text:
            fields[name] = _number(where, name, text) if name in (*_NUMBERS, "node_nm") else text
    try:
        return type(replaced).model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or row["name"]
        raise HardwareError(f"{where}: {field}: {first['msg']}") from error


def _number(where: str, name: str, text: str) -> float | int:
    try:
        value = float(text)
    except ValueError as error:
        raise HardwareError(f"{where}: {name} holds {text!r}; allowed: a number") from error
    return int(value) if name == "node_nm" and value == int(value) else value
