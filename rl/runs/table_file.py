"""The sensitivity table as JSON, with what it was measured on."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.errors import InputError
from accel_sim.files import write_atomically
from rl.env.sensitivity import LayerSensitivity, SensitivityTable

__all__ = ["TABLE", "read_table", "table_from", "table_values", "write_table"]

TABLE = "sensitivity.json"
_ARRAYS = {
    entry.name for entry in fields(LayerSensitivity) if entry.name.startswith(("loss_of", "energy_of", "energy_left"))
} - {"energy_of_product"}


def table_values(table: SensitivityTable) -> dict[str, Any]:
    """The table as plain values."""
    values = asdict(table)
    for layer in values["layers"]:
        for name in _ARRAYS:
            layer[name] = layer[name].tolist()
    return values


def table_from(values: dict[str, Any]) -> SensitivityTable:
    """The inverse of :func:`table_values`."""
    return SensitivityTable(**{**values, "layers": tuple(map(_layer, values["layers"]))})


def _layer(values: dict[str, Any]) -> LayerSensitivity:
    arrays: dict[str, Any] = {name: np.array(values[name]) for name in _ARRAYS}
    return LayerSensitivity(**{**values, **arrays})


def write_table(path: Path, table: SensitivityTable, measured_by: dict[str, Any]) -> None:
    """Write table and origin, complete or not at all."""
    text = json.dumps({"schema": 1, "measured_by": measured_by, "table": table_values(table)}, indent=1)
    write_atomically(path, text.encode())


def read_table(path: Path, measured_by: dict[str, Any]) -> SensitivityTable:
    """Read a table that was measured on the same network, machine and images.

    Raises:
        InputError: no such file, no table, or one of something else.
    """
    try:
        tree = json.loads(path.read_text())
        found, table = tree["measured_by"], table_from(tree["table"])
    except OSError as error:
        raise InputError(f"--sensitivity {path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--sensitivity {path}: is no sensitivity table of a search") from error
    wanted = json.loads(json.dumps(measured_by))
    differing = [name for name in wanted if found.get(name) != wanted[name]]
    if differing:
        name = differing[0]
        raise InputError(
            f"--sensitivity {path}: was measured with {name} {found.get(name)!r}; allowed here: {wanted[name]!r}"
        )
    return table
